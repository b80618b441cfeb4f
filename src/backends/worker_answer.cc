#include "backends/worker_answer.h"

#include "base/utf8.h"
#include "wire/worker_json.h"

namespace mecapy::backends {
namespace {

constexpr std::size_t kDetail = 500;        // bytes of what a worker says instead of an answer
constexpr std::size_t kCheckLog = 1 << 20;  // bytes; code that is looked at prints nothing

}  // namespace

model::RunEnd cancelled() {
  model::RunEnd end;
  end.status = model::RunStatus::cancelled;
  return end;
}

awaitable<Result<model::RunEnd>> follow(net::LineStream& lines, base::Deadline deadline,
                                        std::size_t most_log, Observer& observer) {
  std::size_t told = 0;
  while (true) {
    auto line = co_await lines.next(deadline);
    if (!line) co_return line.error();
    if (!*line) co_return fail(ErrorCode::unavailable, "the answer ended before its last line");
    auto event = wire::read_worker_line(**line);
    if (!event) co_return event.error();
    switch (event->type) {
      case wire::WorkerLine::Type::started:
        break;
      case wire::WorkerLine::Type::log:
        told += event->text.size();
        if (told > most_log) {
          co_return fail(ErrorCode::too_large, "the worker told more log than the run may write");
        }
        observer.log(event->text);
        break;
      case wire::WorkerLine::Type::progress:
        observer.progress(event->text);
        break;
      case wire::WorkerLine::Type::checkpoint:
        observer.checkpoint(event->checkpoint);
        break;
      case wire::WorkerLine::Type::anew:
        observer.anew();
        break;
      case wire::WorkerLine::Type::end:
        co_return std::move(event->end);
    }
  }
}

namespace {

class Deaf final : public Observer {
 public:
  void log(std::string_view) override {}
  void progress(std::string_view) override {}
};

}  // namespace

awaitable<Result<model::Look>> read_check(net::LineStream& lines, base::Deadline deadline) {
  if (lines.status() != 200) {
    co_return fail(ErrorCode::unavailable, "the worker could not look at the code");
  }
  Deaf nobody;
  auto end = co_await follow(lines, deadline, kCheckLog, nobody);
  const bool late = !end && end.error().code == ErrorCode::deadline_exceeded;
  if (late) co_return fail(ErrorCode::busy, "too much code waits to be looked at");
  if (!end) co_return end.error();
  if (!end->failure) co_return model::Look{.facts = wire::read_facts(end->result.inline_bytes)};
  if (end->failure->code == model::OutcomeCode::invalid_code) {
    co_return model::Look{.failure = std::move(end->failure)};
  }
  if (end->failure->code == model::OutcomeCode::backend_unavailable) {
    co_return fail(ErrorCode::busy, "too much code waits to be looked at");
  }
  if (model::is_platform_fault(end->failure->code)) {
    co_return fail(ErrorCode::unavailable, "the worker could not look at the code");
  }
  // Code that cannot be parsed within the check's limits.
  end->failure->code = model::OutcomeCode::invalid_code;
  co_return model::Look{.failure = std::move(end->failure)};
}

awaitable<model::RunEnd> refused(net::LineStream& lines) {
  const int status = lines.status();
  const auto body = co_await lines.next(base::after(std::chrono::seconds(5)));
  const std::string detail = body && *body ? base::one_line(**body, kDetail) : std::string();
  const bool busy = status == 429 || status == 503;
  co_return model::failed_end(
      busy ? model::OutcomeCode::backend_unavailable : model::OutcomeCode::internal,
      "the worker answered " + std::to_string(status) + ": " + detail);
}

}  // namespace mecapy::backends
