#include "net/line_stream.h"

#include <utility>

namespace mecapy::net {

Result<std::optional<std::string>> LineCutter::line() {
  const std::size_t end = pending_.find('\n', scanned_);
  if (end == std::string::npos) {
    scanned_ = pending_.size();
    if (pending_.size() > max_line_) {
      return fail(ErrorCode::too_large, "the worker sent a line over the limit");
    }
    return std::optional<std::string>();
  }
  std::string line = pending_.substr(0, end);
  pending_.erase(0, end + 1);
  scanned_ = 0;
  return std::optional(std::move(line));
}

std::optional<std::string> LineCutter::rest() {
  scanned_ = 0;
  if (pending_.empty()) return std::nullopt;
  return std::exchange(pending_, {});
}

namespace {

class IncomingLines final : public LineStream {
 public:
  IncomingLines(std::unique_ptr<Incoming> answer, std::size_t max_line)
      : answer_(std::move(answer)), cutter_(max_line) {}

  int status() const override { return answer_->head().status; }

  awaitable<Result<std::optional<std::string>>> next(base::Deadline deadline) override {
    while (true) {
      auto line = cutter_.line();
      if (!line || *line) co_return line;
      auto bytes = co_await answer_->next(deadline);
      if (!bytes) co_return bytes.error();
      if (bytes->empty()) co_return cutter_.rest();
      cutter_.add(*bytes);
    }
  }

  void close() override { answer_->close(); }

 private:
  std::unique_ptr<Incoming> answer_;
  LineCutter cutter_;
};

}  // namespace

std::unique_ptr<LineStream> lines_of(std::unique_ptr<Incoming> answer, std::size_t max_line) {
  return std::make_unique<IncomingLines>(std::move(answer), max_line);
}

}  // namespace mecapy::net
