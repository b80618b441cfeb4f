#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cmath>

#include "backends/worker_answer.h"
#include "model/bounds.h"
#include "net/unix_client.h"
#include "wire/worker_json.h"

namespace mecapy::backends {
namespace {

using std::chrono::seconds;

constexpr seconds kPatience{3};
constexpr std::chrono::milliseconds kRetryEvery{25};

class LocalBackend final : public Backend {
 public:
  explicit LocalBackend(LocalOptions options) : options_(std::move(options)) {}

  std::string_view name() const override { return "local"; }
  int capacity() const override { return options_.capacity; }
  std::string environment() const override { return environment_; }

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
    auto end = co_await follow(*stream, deadline, model::most_log(job.limits), observer);
    cancellation.clear_hook();
    if (cancellation.requested()) co_return cancelled();
    if (end && !model::names_own_objects(*end, job.run_id, job.attempt)) {
      co_return model::failed_end(model::OutcomeCode::internal,
                                  "the worker named objects of another run");
    }
    if (end) remember_environment(*end, environment_);
    if (end) co_return std::move(*end);
    const bool broken_off = end.error().code == ErrorCode::unavailable;
    co_return model::failed_end(
        broken_off ? model::OutcomeCode::worker_lost : model::OutcomeCode::internal,
        broken_off ? "the worker died while the run was on it" : end.error().message);
  }

  awaitable<Result<model::Look>> check(std::string code, base::Deadline deadline) override {
    auto lines = co_await post("/check", wire::check_json(code), deadline);
    if (!lines) co_return lines.error();
    co_return co_await read_check(**lines, deadline);
  }

  awaitable<Result<std::string>> ready(base::Deadline deadline) override {
    net::UnixPost request;
    request.socket_path = options_.socket_path;
    request.target = "/health";
    auto answer = co_await net::post_lines(std::move(request), deadline);
    if (!answer) co_return answer.error();
    if ((*answer)->status() == 200) {
      const auto body = co_await (*answer)->next(deadline);
      if (body && *body) environment_ = wire::read_health_environment(**body);
      co_return "";
    }
    co_return fail(ErrorCode::unavailable, "the worker is shutting down");
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

  LocalOptions options_;
  std::string environment_;
};

}  // namespace

std::unique_ptr<Backend> make_local(LocalOptions options) {
  return std::make_unique<LocalBackend>(std::move(options));
}

}  // namespace mecapy::backends
