#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cmath>
#include <optional>

#include "backends/backend.h"
#include "net/unix_client.h"
#include "wire/worker_json.h"

namespace mecapy::backends {
namespace {

using std::chrono::seconds;

// Set-up, artifacts and the answer on top of the run's own wall limit.
constexpr seconds kOverhead{120};
constexpr seconds kPatience{3};
constexpr std::chrono::milliseconds kRetryEvery{25};

model::RunEnd cancelled() {
  model::RunEnd end;
  end.status = model::RunStatus::cancelled;
  return end;
}

// Whether every object the worker named is one of this run: results/RUN..., logs/RUN..., and so on.
bool keys_belong_to(const model::RunEnd& end, const model::RunId& run) {
  const auto ours = [&](const std::string& key, const char* folder) {
    const std::string stem = folder + run.str();
    return key.empty() || (key.starts_with(stem) && key.size() > stem.size() &&
                           (key[stem.size()] == '.' || key[stem.size()] == '/'));
  };
  return ours(end.result.key, "results/") && ours(end.log.key, "logs/") &&
         std::ranges::all_of(end.artifacts, [&](const model::Artifact& artifact) {
           return ours(artifact.key, "artifacts/");
         });
}

// Reads lines until the end line, telling the observer.
awaitable<Result<model::RunEnd>> follow(net::LineStream& lines, base::Deadline deadline,
                                        Observer& observer) {
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
        observer.log(event->text);
        break;
      case wire::WorkerLine::Type::progress:
        observer.progress(event->text);
        break;
      case wire::WorkerLine::Type::end:
        co_return std::move(event->end);
    }
  }
}

class LocalBackend final : public Backend {
 public:
  explicit LocalBackend(LocalOptions options) : options_(std::move(options)) {}

  std::string_view name() const override { return "local"; }
  int capacity() const override { return options_.capacity; }

  awaitable<model::RunEnd> execute(model::Job job, Observer& observer,
                                   Cancellation& cancellation) override {
    if (cancellation.requested()) co_return cancelled();
    const auto wall = std::chrono::milliseconds(std::llround(job.limits.timeout_s * 1000));
    const base::Deadline deadline = base::after(wall + kOverhead);
    auto lines = co_await post("/execute", wire::execute_json(job), base::after(kOverhead));
    if (!lines) {
      co_return model::failed_end(model::OutcomeCode::backend_unavailable, lines.error().message);
    }
    if ((*lines)->status() != 200) co_return co_await refused(**lines);
    if (cancellation.requested()) co_return cancelled();
    net::LineStream* stream = lines->get();
    cancellation.set_hook([stream] { stream->close(); });
    auto end = co_await follow(*stream, deadline, observer);
    cancellation.clear_hook();
    if (cancellation.requested()) co_return cancelled();
    if (end && !keys_belong_to(*end, job.run_id)) {
      co_return model::failed_end(model::OutcomeCode::internal,
                                  "the worker named objects of another run");
    }
    if (end) co_return std::move(*end);
    const bool broken_off = end.error().code == ErrorCode::unavailable;
    co_return model::failed_end(
        broken_off ? model::OutcomeCode::worker_lost : model::OutcomeCode::internal,
        broken_off ? "the worker died while the run was on it" : end.error().message);
  }

  awaitable<Result<std::optional<model::Failure>>> check(std::string code,
                                                         base::Deadline deadline) override {
    auto lines = co_await post("/check", wire::check_json(code), deadline);
    if (!lines) co_return lines.error();
    if ((*lines)->status() != 200) {
      co_return fail(ErrorCode::unavailable, "the worker could not look at the code");
    }
    struct Deaf final : Observer {
      void log(std::string_view) override {}
      void progress(std::string_view) override {}
    } deaf;
    auto end = co_await follow(**lines, deadline, deaf);
    const bool late = !end && end.error().code == ErrorCode::deadline_exceeded;
    if (late) co_return fail(ErrorCode::busy, "too much code waits to be looked at");
    if (!end) co_return end.error();
    if (!end->failure || end->failure->code == model::OutcomeCode::invalid_code) {
      co_return std::move(end->failure);
    }
    if (end->failure->code == model::OutcomeCode::backend_unavailable) {
      co_return fail(ErrorCode::busy, "too much code waits to be looked at");
    }
    if (model::is_platform_fault(end->failure->code)) {
      co_return fail(ErrorCode::unavailable, "the worker could not look at the code");
    }
    // Code that cannot be parsed within the check's limits.
    end->failure->code = model::OutcomeCode::invalid_code;
    co_return std::move(end->failure);
  }

 private:
  // A worker that has just died is back within a second: its absence is waited for, a little.
  awaitable<Result<std::unique_ptr<net::LineStream>>> post(std::string target, std::string body,
                                                           base::Deadline deadline) {
    net::UnixPost request;
    request.socket_path = options_.socket_path;
    request.target = std::move(target);
    request.body = std::move(body);
    const base::Deadline patience = std::min(deadline, base::after(kPatience));
    boost::asio::steady_timer pause(co_await boost::asio::this_coro::executor);
    while (true) {
      auto lines = co_await net::post_lines(request, deadline);
      const bool absent = !lines && lines.error().code == ErrorCode::unavailable &&
                          std::chrono::steady_clock::now() < patience;
      if (!absent) co_return lines;
      pause.expires_after(kRetryEvery);
      co_await pause.async_wait(boost::asio::use_awaitable);
    }
  }

  // A worker that answers but does not take the job.
  awaitable<model::RunEnd> refused(net::LineStream& lines) {
    const int status = lines.status();
    const auto body = co_await lines.next(base::after(seconds(5)));
    std::string detail = body && *body ? (**body).substr(0, 500) : std::string();
    const bool busy = status == 429 || status == 503;
    co_return model::failed_end(
        busy ? model::OutcomeCode::backend_unavailable : model::OutcomeCode::internal,
        "the worker answered " + std::to_string(status) + ": " + detail);
  }

  LocalOptions options_;
};

}  // namespace

std::unique_ptr<Backend> make_local(LocalOptions options) {
  return std::make_unique<LocalBackend>(std::move(options));
}

}  // namespace mecapy::backends
