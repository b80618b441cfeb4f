#include "redis/reply.h"

#include <hiredis/hiredis.h>

#include <new>
#include <utility>

namespace mecapy::redis {
namespace {

// hiredis finds the parts of a reply; these make them. `text`, `integer` and `list` are filled by
// the part's kind. Part of a list, its place is the list's end: what is still being read of an
// outer list is always its last part, so nothing moves that is not whole.
template <class Fill>
void* make(const redisReadTask* task, Fill fill) noexcept {
  try {
    Reply made;
    fill(made);
    if (task->parent == nullptr) return new Reply(std::move(made));
    return &static_cast<Reply*>(task->parent->obj)->list.emplace_back(std::move(made));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void* make_text(const redisReadTask* task, char* text, std::size_t length) {
  return make(task, [&](Reply& reply) {
    reply.kind = task->type == REDIS_REPLY_ERROR ? Reply::Kind::error : Reply::Kind::text;
    reply.text.assign(text, length);
  });
}

// Nothing, which ends the reading, when the reply announces too many elements.
void* make_list(const redisReadTask* task, int elements) {
  auto& announced = *static_cast<std::size_t*>(task->privdata);
  announced += static_cast<std::size_t>(elements);
  if (announced > kMostElements) return nullptr;
  return make(task, [](Reply& reply) { reply.kind = Reply::Kind::list; });
}

void* make_integer(const redisReadTask* task, long long value) {
  return make(task, [&](Reply& reply) {
    reply.kind = Reply::Kind::integer;
    reply.integer = value;
  });
}

void* make_nil(const redisReadTask* task) {
  return make(task, [](Reply&) {});
}

// Called for a whole reply only: its parts go with it.
void free_reply(void* reply) { delete static_cast<Reply*>(reply); }

// A table that hiredis reads only, though it does not say so.
constexpr redisReplyObjectFunctions kMake = {make_text, make_list, make_integer, make_nil,
                                             free_reply};

// Whether the reader waits for the rest of a line that is too long already. It waits at the begin
// of one, and looks for its end anew whenever bytes come.
bool is_lost_in_line(const redisReader& reader) {
  const std::string_view unread(reader.buf + reader.pos, reader.len - reader.pos);
  if (unread.size() <= kLongestLine) return false;
  return unread.substr(0, kLongestLine + 1).find('\r') == std::string_view::npos;
}

}  // namespace

std::string encode(const Command& command) {
  std::string bytes = "*" + std::to_string(command.size()) + "\r\n";
  for (const std::string& argument : command) {
    bytes += "$" + std::to_string(argument.size()) + "\r\n";
    bytes += argument;
    bytes += "\r\n";
  }
  return bytes;
}

void Reader::Free::operator()(redisReader* reader) const { ::redisReaderFree(reader); }

Reader::Reader()
    : reader_(::redisReaderCreateWithFunctions(const_cast<redisReplyObjectFunctions*>(&kMake))) {
  if (!reader_) throw std::bad_alloc();
  reader_->privdata = &announced_;
}

Reader::~Reader() = default;

void Reader::feed(std::string_view bytes) {
  ::redisReaderFeed(reader_.get(), bytes.data(), bytes.size());
  fed_ += bytes.size();
}

Result<std::optional<Reply>> Reader::next() {
  void* raw = nullptr;
  if (::redisReaderGetReply(reader_.get(), &raw) != REDIS_OK) {
    return fail(ErrorCode::unavailable, "Redis answered what is no reply");
  }
  if (raw == nullptr) {
    if (fed_ > kMostBytes || is_lost_in_line(*reader_)) {
      return fail(ErrorCode::unavailable, "Redis answered more than a reply may be");
    }
    return std::optional<Reply>();
  }
  const std::unique_ptr<Reply> owned(static_cast<Reply*>(raw));
  announced_ = 0;
  fed_ = reader_->len - reader_->pos;
  return std::optional(std::move(*owned));
}

}  // namespace mecapy::redis
