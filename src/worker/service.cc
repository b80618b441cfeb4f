#include "worker/service.h"

#include <openssl/crypto.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <unordered_set>

#include "base/id.h"
#include "base/log.h"
#include "base/offload.h"
#include "wire/api_json.h"
#include "wire/json.h"

namespace mecapy::worker {

namespace asio = boost::asio;
using namespace boost::asio::experimental::awaitable_operators;

namespace {

constexpr std::size_t kRemembered = 256;                    // ends
constexpr std::size_t kRememberedBytes = 32 * 1024 * 1024;  // all of them together

constexpr std::string_view kLines = "application/x-ndjson";

// Whether the caller asked for the answer line by line.
bool wants_lines(const net::Exchange& exchange) {
  return exchange.request().header("accept").value_or("").find(kLines) != std::string_view::npos;
}

awaitable<void> refuse(net::Exchange& exchange, Error error) {
  net::Response page = Service::error_page(error, exchange.request().id);
  co_await exchange.respond(std::move(page));
}

bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

// One attempt that runs now, for any number of callers. It holds the log (bounded by the run's
// limit), the latest progress and checkpoint, not every line: a caller that lags misses of those,
// never log.
class Execution final : public Sink {
 public:
  Execution(asio::io_context& io, std::string key) : io_(io), key_(std::move(key)) {}

  void started() override {
    started_ = true;
    wake();
  }
  void log(std::string_view text) override {
    log_ += text;
    wake();
  }
  void progress(std::string_view json) override {
    progress_ = json;
    ++progress_count_;
    wake();
  }
  void checkpoint(const model::Checkpoint& checkpoint) override {
    checkpoint_ = checkpoint;
    wake();
  }
  void anew() override {
    anew_ = true;
    wake();
  }
  void end(std::string line) {
    end_line_ = std::move(line);
    wake();
  }

  // What one caller has been told.
  struct Told {
    bool started = false;
    std::size_t log = 0;  // bytes
    std::uint64_t progress = 0;
    std::int64_t checkpoint = 0;  // its number
    bool anew = false;
    bool end = false;
  };
  // The lines `told` has not heard yet, waiting for some; nothing after the end.
  awaitable<std::optional<std::string>> news(Told& told) {
    while (!told.end) {
      std::string lines = take(told);
      if (!lines.empty()) co_return lines;
      asio::steady_timer timer(io_, asio::steady_timer::time_point::max());
      waiters_.insert(&timer);
      boost::system::error_code ec;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
      waiters_.erase(&timer);
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) co_return std::nullopt;
    }
    co_return std::nullopt;
  }

  void join() { ++callers_; }
  void leave() {
    if (--callers_ == 0 && end_line_.empty()) stop_.request();
  }
  const std::string& key() const { return key_; }
  const std::string& end_line() const { return end_line_; }
  Runner::Stop& stop() { return stop_; }

 private:
  std::string take(Told& told) const {
    std::string lines;
    if (started_ && !told.started) lines += wire::started_line();
    told.started = started_;
    if (log_.size() > told.log) lines += wire::log_line(std::string_view(log_).substr(told.log));
    told.log = log_.size();
    if (progress_count_ > told.progress) lines += wire::progress_line(progress_);
    told.progress = progress_count_;
    if (anew_ && !told.anew) lines += wire::anew_line();
    told.anew = anew_;
    if (checkpoint_.number > told.checkpoint) lines += wire::checkpoint_line(checkpoint_);
    told.checkpoint = checkpoint_.number;
    lines += end_line_;
    told.end = !end_line_.empty();
    return lines;
  }
  void wake() {
    for (asio::steady_timer* timer : waiters_) timer->cancel();
  }

  asio::io_context& io_;
  std::string key_;
  bool started_ = false;
  std::string log_;
  std::string progress_;
  std::uint64_t progress_count_ = 0;
  model::Checkpoint checkpoint_;  // the latest
  bool anew_ = false;
  std::string end_line_;  // "" until the end
  std::unordered_set<asio::steady_timer*> waiters_;
  Runner::Stop stop_;
  int callers_ = 0;
};

Service::Service(asio::io_context& io, asio::thread_pool& threads, Runner& runner,
                 std::string token, const model::Limits& ceilings)
    : io_(io), threads_(threads), runner_(runner), token_(std::move(token)), ceilings_(ceilings) {}

Service::~Service() = default;

net::Response Service::error_page(const Error& error, const std::string& request_id) {
  net::Response response;
  response.status = base::row(error.code).http_status;
  response.content_type = "application/problem+json";
  response.body = wire::problem_json(error, response.status, request_id);
  if (response.status == 429 || response.status == 503) response.headers = {{"Retry-After", "1"}};
  return response;
}

std::optional<net::Response> Service::admit(const net::Request& head) const {
  if (head.path == "/health") return std::nullopt;
  if (head.path != "/execute" && head.path != "/check") {
    return error_page(fail(ErrorCode::not_found, "no such path"), head.id);
  }
  if (head.method != "POST") {
    return error_page(fail(ErrorCode::method_not_allowed, "POST only"), head.id);
  }
  if (!token_.empty() && !same_secret(head.header("x-auth-token").value_or(""), token_)) {
    return error_page(fail(ErrorCode::unauthorized, "X-Auth-Token is missing or wrong"), head.id);
  }
  return std::nullopt;
}

awaitable<void> Service::handle(net::Exchange& exchange) {
  struct Answering {
    explicit Answering(int& count) : count(count) { ++count; }
    ~Answering() { --count; }
    Answering(const Answering&) = delete;
    Answering& operator=(const Answering&) = delete;
    int& count;
  };
  const Answering one(answering_);
  const std::string& path = exchange.request().path;
  if (path == "/health") {
    net::Response response;
    response.status = draining_ ? 503 : 200;
    response.body = health();
    co_await exchange.respond(std::move(response));
  } else if (path == "/execute") {
    co_await execute(exchange);
  } else {
    co_await check(exchange);
  }
}

std::string Service::health() const {
  return std::move(wire::ObjectWriter()
                       .text("status", draining_ ? "draining" : "ok")
                       .text("environment", runner_.environment())
                       .integer("running", static_cast<std::int64_t>(runner_.running()))
                       .integer("waiting", static_cast<std::int64_t>(runner_.waiting()))
                       .integer("zygotes_mb", runner_.zygote_memory() >> 20)
                       .integer("spares_mb", runner_.spare_memory() >> 20))
      .finish();
}

awaitable<void> Service::execute(net::Exchange& exchange) {
  const std::string& body = exchange.request().body;
  auto job = co_await base::beside_loop<wire::WorkerJob>(
      threads_, body.size(),
      [&body, ceilings = ceilings_] { return wire::read_worker_execute(body, ceilings); });
  if (!job) co_return co_await refuse(exchange, job.error());
  // Without a run id a call is a run of its own, however often its task is sent; its objects are
  // named after the task, by which the caller knows them for his.
  if (!job->inline_allowed) job->run_id += "." + base::make_uuid7();
  std::string key = job->run_id + "/" + std::to_string(job->job.attempt);
  if (const auto ended = ended_.find(key); ended != ended_.end()) {
    const std::string line = ended->second;
    co_await answer_again(exchange, line);
    co_return;
  }
  std::shared_ptr<Execution> execution;
  if (const auto running = executions_.find(key); running != executions_.end()) {
    execution = running->second;
  } else if (draining_) {
    Error draining = fail(ErrorCode::draining, "the worker is shutting down");
    co_return co_await refuse(exchange, std::move(draining));
  } else {
    Attempt attempt;
    attempt.run_id = job->run_id;
    attempt.number = job->job.attempt;
    attempt.code = std::move(job->job.code);
    attempt.inline_allowed = job->inline_allowed;
    attempt.inputs = std::move(job->job.inputs);
    attempt.limits = job->job.limits;
    attempt.checkpoint = std::move(job->job.checkpoint);
    attempt.keeps_checkpoints = job->inline_allowed;
    execution = begin(std::move(key), std::move(attempt));
  }
  co_await answer(exchange, std::move(execution));
}

awaitable<void> Service::check(net::Exchange& exchange) {
  const std::string& body = exchange.request().body;
  auto code = co_await base::beside_loop<std::string>(
      threads_, body.size(), [&body] { return wire::read_worker_check(body); });
  if (!code) co_return co_await refuse(exchange, code.error());
  Attempt attempt = check_of(std::move(*code));
  std::string key = attempt.run_id;
  auto execution = begin(std::move(key), std::move(attempt));
  co_await answer(exchange, std::move(execution));
}

namespace {

void tell_end(const std::string& run_id, int attempt, const model::RunEnd& end) {
  const std::string_view outcome =
      end.failure ? model::row(end.failure->code).name : model::name(end.status);
  base::log_debug("attempt ended", {{"run", run_id},
                                    {"attempt", attempt},
                                    {"outcome", outcome},
                                    {"setup_ms", static_cast<double>(end.usage.setup_us) / 1000},
                                    {"run_ms", static_cast<double>(end.usage.wall_us) / 1000}});
}

}  // namespace

std::shared_ptr<Execution> Service::begin(std::string key, Attempt attempt) {
  auto execution = std::make_shared<Execution>(io_, std::move(key));
  executions_.emplace(execution->key(), execution);
  asio::co_spawn(io_, run(execution, std::move(attempt)), asio::detached);
  return execution;
}

awaitable<void> Service::run(std::shared_ptr<Execution> execution, Attempt attempt) {
  // What has no run id of its caller's cannot be asked for again.
  const bool is_run = attempt.kind == sandbox::JobKind::calculate;
  const bool keep = is_run && attempt.inline_allowed;
  const std::string run_id = attempt.run_id;
  const int number = attempt.number;
  model::RunEnd end = co_await runner_.run(std::move(attempt), *execution, execution->stop());
  if (is_run) tell_end(run_id, number, end);
  std::string line = wire::end_line(end);
  if (keep && end.status != model::RunStatus::cancelled) remember(execution->key(), line);
  executions_.erase(execution->key());
  execution->end(std::move(line));
}

void Service::remember(const std::string& key, std::string end_line) {
  const std::size_t size = end_line.size();
  if (!ended_.emplace(key, std::move(end_line)).second) return;
  ended_order_.push_back(key);
  ended_bytes_ += size;
  // The newest stays, whatever its size.
  while (ended_order_.size() > 1 &&
         (ended_order_.size() > kRemembered || ended_bytes_ > kRememberedBytes)) {
    const auto oldest = ended_.find(ended_order_.front());
    ended_bytes_ -= oldest->second.size();
    ended_.erase(oldest);
    ended_order_.pop_front();
  }
}

namespace {

// Sends lines as they come; with Accept: application/x-ndjson all of them, else only the last.
awaitable<void> send_lines(net::Exchange& exchange, Execution& execution) {
  const bool stream = wants_lines(exchange);
  std::unique_ptr<net::ResponseStream> out;
  if (stream) {
    net::Response head;
    head.content_type = kLines;
    out = co_await exchange.start_stream(std::move(head), std::nullopt);
  }
  Execution::Told told;
  while (const auto lines = co_await execution.news(told)) {
    if (out) {
      if (const auto sent = co_await out->write(*lines); !sent) co_return;
    }
  }
  if (!stream) {
    net::Response response;
    response.body = execution.end_line();
    co_await exchange.respond(std::move(response));
  }
}

}  // namespace

awaitable<void> Service::answer(net::Exchange& exchange, std::shared_ptr<Execution> execution) {
  execution->join();
  co_await (send_lines(exchange, *execution) || exchange.wait_hangup());
  execution->leave();
}

awaitable<void> Service::answer_again(net::Exchange& exchange, const std::string& end_line) {
  net::Response response;
  if (wants_lines(exchange)) response.content_type = kLines;
  response.body = end_line;
  co_await exchange.respond(std::move(response));
}

}  // namespace mecapy::worker
