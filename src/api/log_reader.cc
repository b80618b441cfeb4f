#include "api/log_reader.h"

#include "api/routes.h"
#include "base/utf8.h"

namespace mecapy::api {

std::string_view piece_of(std::string_view text, std::size_t at) {
  if (at >= text.size()) return "";
  const std::string_view rest = text.substr(at);
  return rest.size() <= kPiece ? rest : base::whole_characters(rest.substr(0, kPiece));
}

awaitable<Result<LogReader>> LogReader::open(objects::ObjectStore& objects, const model::Run& run,
                                             std::size_t at) {
  const model::Payload& log = run.end.log;
  if (!log.stored()) co_return LogReader(log.inline_bytes, at);
  auto object = co_await ObjectReader::open(objects, log.key, "");
  if (!object) co_return object.error();
  const auto place = static_cast<std::int64_t>(at);
  if (place > 0 && place >= object->size()) co_return LogReader("", 0);
  if (auto there = co_await object->skip_to(place, kPiece); !there) co_return there.error();
  co_return LogReader(std::move(*object));
}

awaitable<Result<std::string>> LogReader::next() {
  if (!object_) {
    const std::string_view piece = piece_of(text_, at_);
    at_ += piece.size();
    co_return std::string(piece);
  }
  auto piece = co_await object_->next(kPiece - static_cast<std::int64_t>(text_.size()));
  if (!piece) co_return piece.error();
  std::string text = std::move(text_) + *piece;
  text_.clear();
  if (object_->at() < object_->size()) {
    const std::size_t whole = base::whole_characters(text).size();
    text_ = text.substr(whole);
    text.resize(whole);
  }
  co_return text;
}

}  // namespace mecapy::api
