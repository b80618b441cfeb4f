#include "worker/home_visit.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/id.h"
#include "base/log.h"
#include "wire/json.h"
#include "wire/worker_json.h"

namespace mecapy::worker {

namespace asio = boost::asio;
using namespace boost::asio::experimental::awaitable_operators;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// News is told no more often than this.
constexpr milliseconds kGather{250};

// That it is at work is told as often, and whether it is to stop is heard.
constexpr milliseconds kHeartbeat{5'000};

// So far apart signals to all of a job may come.
constexpr milliseconds kTogether{2'000};

struct HomeAnswer {
  milliseconds lease{30'000};
  bool stop = false;
  bool recorded = false;
  std::int64_t log = 0;
};

std::optional<HomeAnswer> read_answer(const std::string& body) {
  if (!wire::validate_json(body)) return std::nullopt;
  const auto members = wire::object_members(body);
  if (!members) return std::nullopt;
  HomeAnswer answer;
  for (const wire::Member& member : *members) {
    const std::string raw(member.raw);
    if (member.key == "lease_s") answer.lease = milliseconds(std::atoll(raw.c_str()) * 1000);
    if (member.key == "stop") answer.stop = raw == "true";
    if (member.key == "recorded") answer.recorded = raw == "true";
    if (member.key == "log") answer.log = std::atoll(raw.c_str());
  }
  return answer;
}

// Whether the calculation came to it by itself: no stop makes such an end.
bool is_of_the_run(const model::RunEnd& end) {
  if (end.failure) return !model::is_platform_fault(end.failure->code);
  return end.status == model::RunStatus::completed;
}

}  // namespace

HomeVisit::HomeVisit(asio::io_context& io, HomeCalls& calls, Runner& runner)
    : io_(io), calls_(calls), runner_(runner), news_(io, steady_clock::time_point::max()) {}

void HomeVisit::log(std::string_view text) {
  log_ += text;
  news_.cancel();
}

void HomeVisit::progress(std::string_view json) {
  progress_ = json;
  news_.cancel();
}

void HomeVisit::checkpoint(const model::Checkpoint& checkpoint) {
  saved_ += wire::checkpoint_line(checkpoint);
  news_.cancel();
}

void HomeVisit::anew() { saved_ += wire::anew_line(); }

void HomeVisit::interrupt() {
  interrupted_ = true;
  stop_.request();
}

awaitable<Result<Attempt>> HomeVisit::take() {
  auto answer = co_await calls_.call("POST", "/home/job?taker=" + base::random_hex(16),
                                     std::string(), std::int64_t{64} << 20);
  if (!answer) co_return answer.error();
  if (answer->status != 200) {
    co_return fail(ErrorCode::conflict, "home has no run for it: " + told_by(*answer));
  }
  auto job = wire::read_worker_execute(answer->body, model::no_ceilings());
  if (!job) co_return job.error();
  Attempt attempt;
  attempt.run_id = job->run_id;
  attempt.number = job->job.attempt;
  attempt.code = std::move(job->job.code);
  attempt.inputs = std::move(job->job.inputs);
  attempt.limits = job->job.limits;
  attempt.checkpoint = std::move(job->job.checkpoint);
  attempt.keeps_checkpoints = true;
  co_return attempt;
}

awaitable<Visit> HomeVisit::run() {
  auto attempt = co_await take();
  if (!attempt) {
    base::log_error("no run from home", {{"error", attempt.error().message}});
    co_return attempt.error().code == ErrorCode::unavailable ? Visit::away : Visit::none;
  }
  base::log_info("a run from home", {{"run", attempt->run_id}, {"attempt", attempt->number}});
  model::RunEnd end;
  const auto calculate = [&]() -> awaitable<void> {
    end = co_await runner_.run(std::move(*attempt), *this, stop_);
    over_ = true;
    news_.cancel();
  };
  co_await (calculate() && tell());
  if (became_ != Visit::told) co_return became_;
  if (co_await left_quietly(end)) co_return Visit::left;
  if (interrupted_ && !is_of_the_run(end)) {
    end = model::failed_end(model::OutcomeCode::worker_lost, "its machine was ended");
  }
  co_await say(wire::end_line(end));
  co_return became_;
}

// A run that a signal ended may have been told to stop together with us, who then hear it as well.
awaitable<bool> HomeVisit::left_quietly(const model::RunEnd& end) {
  const bool crashed = end.failure && end.failure->code == model::OutcomeCode::crashed;
  if (!quiet_ || (is_of_the_run(end) && !crashed)) co_return false;
  if (end.failure && !interrupted_) {
    asio::steady_timer patience(io_, kTogether);
    co_await patience.async_wait(asio::use_awaitable);
  }
  co_return interrupted_;
}

awaitable<void> HomeVisit::news_or(milliseconds longest) {
  news_.expires_after(longest);
  boost::system::error_code ec;
  co_await news_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
}

// As long as it runs: what is new, and that it is at work.
awaitable<void> HomeVisit::tell() {
  asio::steady_timer gather(io_);
  while (!over_) {
    co_await news_or(std::min<milliseconds>(lease_ / 4, kHeartbeat));
    if (over_) co_return;
    gather.expires_after(kGather);
    co_await gather.async_wait(asio::use_awaitable);
    if (over_) co_return;
    if (!co_await say("")) {
      stop_.request();
      co_return;
    }
  }
}

awaitable<bool> HomeVisit::say(const std::string& end) {
  while (true) {
    const std::string path = "/home/lines?from=" + std::to_string(heard_);
    std::string body;
    if (log_.size() > heard_) body += wire::log_line(std::string_view(log_).substr(heard_));
    if (!progress_.empty()) body += wire::progress_line(std::exchange(progress_, ""));
    body += std::exchange(saved_, "");
    auto answer = co_await calls_.call("POST", path, body + end);
    if (!answer) {
      became_ = Visit::away;
      base::log_error("home is given up", {{"error", answer.error().message}});
      co_return false;
    }
    const auto told = answer->status == 200 ? read_answer(answer->body) : std::nullopt;
    if (!told || told->log < 0 || told->log > static_cast<std::int64_t>(log_.size())) {
      became_ = Visit::lost;
      base::log_error("home does not want the run any more", {{"error", told_by(*answer)}});
      co_return false;
    }
    const auto before = std::exchange(heard_, static_cast<std::size_t>(told->log));
    lease_ = std::max(told->lease, milliseconds(1'000));
    if (told->stop) stop_.request();
    if (end.empty() || told->recorded) co_return true;
    if (heard_ == before && body.empty()) {
      became_ = Visit::lost;
      co_return false;
    }
  }
}

}  // namespace mecapy::worker
