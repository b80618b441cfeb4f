// A worker behind a gateway that may answer in its place. What each answer means:
//
//   200              the worker has it: its end follows
//   nobody reached,  the call was not taken: tried again, with jittered backoff, until the patience
//   429, 502, 503    for it is over (backend_unavailable)
//   401, 403         the same, and a fault of the set-up that the operator is told of: our token is
//                    not the worker's
//   422              about limits: the worker allows less than we do. Also the set-up's, and told,
//                    but of this run alone: its attempt is over, others go on
//   504, 5xx, no or  unknown: the run may have ended. Its result is looked for in the objects; when
//   half an answer   it is not there the attempt is lost, and the next one is another attempt
//   anything else    a fault of ours or of the set-up (internal)
#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <utility>

#include "backends/lost_answer.h"
#include "backends/worker_answer.h"
#include "base/log.h"
#include "base/utf8.h"
#include "model/bounds.h"
#include "wire/worker_json.h"

namespace mecapy::backends {
namespace {

namespace asio = boost::asio;
using namespace boost::asio::experimental::awaitable_operators;
using model::OutcomeCode;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kStoreDeadline{60};
constexpr std::chrono::seconds kConnect{5};
constexpr milliseconds kLongestPause{5'000};
constexpr std::chrono::seconds kTrouble{10};  // after nobody was reached
// After a run had limits beyond the worker's: who looks at readiness by chance still finds it.
constexpr std::chrono::minutes kDiffers{10};
// A worker may have been replaced since it last told its environment, and only the end of a run
// tells. Answers from earlier runs may be this old for another one: one calculation in ten minutes
// is what it costs to know better.
constexpr std::chrono::minutes kToldFor{10};
constexpr std::size_t kDetail = 500;      // bytes of an answer that are shown
constexpr std::size_t kLongestName = 40;  // of a limit

enum class Verdict : std::uint8_t { taken, away, refused, full, beyond, unknown, wrong };

Verdict judge(int status) {
  if (status == 200) return Verdict::taken;
  if (status == 502) return Verdict::away;
  if (status == 401 || status == 403) return Verdict::refused;
  if (status == 429 || status == 503) return Verdict::full;
  return status >= 500 ? Verdict::unknown : Verdict::wrong;
}

bool was_not_taken(Verdict verdict) {
  return verdict == Verdict::away || verdict == Verdict::refused || verdict == Verdict::full;
}

// The ceilings that a refusal finds too low for the call, as settings; "" when it is about others.
std::string limits_named(std::string_view problem) {
  constexpr std::string_view kPlace = "\"/limits/";
  std::string names;
  while (true) {
    const std::size_t at = problem.find(kPlace);
    if (at == std::string_view::npos) return names;
    problem.remove_prefix(at + kPlace.size());
    const auto size = problem.find_first_not_of("abcdefghijklmnopqrstuvwxyz_");
    names += std::string(names.empty() ? "" : " ") + "limits.max_";
    names += problem.substr(0, std::min(size, kLongestName));
  }
}

// How often a call that was not taken is made again.
class Patience {
 public:
  Patience(const ServerlessOptions& options, base::Deadline deadline)
      : away_(std::min(deadline, base::after(options.patience))),
        full_(std::min(deadline, base::after(options.patience_when_full))),
        next_(options.backoff),
        draw_(options.draw) {}
  // Until the call is made again; nothing when it is over. `asked` by the server, if it did.
  std::optional<milliseconds> pause(Verdict why, milliseconds asked) {
    const base::Deadline until = why == Verdict::full ? full_ : away_;
    const milliseconds wait = std::max(draw_(next_), std::min(asked, kLongestPause));
    next_ = std::min(next_ * 2, kLongestPause);
    if (steady_clock::now() + wait > until) return std::nullopt;
    return wait;
  }

 private:
  base::Deadline away_;
  base::Deadline full_;
  milliseconds next_;
  const std::function<milliseconds(milliseconds)>& draw_;
};

milliseconds retry_after(const net::Response& head) {
  const std::string_view text = net::find_header(head.headers, "retry-after").value_or("");
  int seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::chrono::seconds(std::clamp(seconds, 0, 60));
}

awaitable<void> wait_until_cancelled(asio::steady_timer& stop) {
  boost::system::error_code ec;
  co_await stop.async_wait(asio::redirect_error(asio::use_awaitable, ec));
}

// What came of a call: its lines, or why there are none.
struct Called {
  std::unique_ptr<net::LineStream> lines{};  // when it was taken
  Verdict verdict = Verdict::taken;
  std::string detail{};   // for who wants the run
  std::string trouble{};  // for the operator, when it is another
};

// An answer that is no run: what it says is shown within bounds.
Called not_taken(int status, const std::string& body) {
  const std::string limits = status == 422 ? base::one_line(limits_named(body), kDetail) : "";
  if (!limits.empty()) {
    return {{},
            Verdict::beyond,
            "a fault of the set-up: the worker allows less than this server: " + limits,
            "it allows less than this API: " + limits + " differ"};
  }
  const std::string answered = std::to_string(status);
  const std::string said = body.empty() ? "" : ": " + base::one_line(body, kDetail);
  if (judge(status) == Verdict::refused) {
    return {
        {},
        Verdict::refused,
        "a fault of the set-up: the worker does not take this server's calls",
        "it does not take our token: worker.token differs (it answered " + answered + said + ")"};
  }
  return {{}, judge(status), "the worker answered " + answered + said};
}

class ServerlessBackend final : public Backend {
 public:
  ServerlessBackend(ServerlessOptions options, objects::ObjectStore& objects)
      : options_(std::move(options)),
        objects_(objects),
        http_({options_.ca, options_.capacity + 2, kConnect}) {
    while (options_.url.ends_with('/')) options_.url.pop_back();
  }

  std::string_view name() const override { return "serverless_container"; }
  int capacity() const override { return options_.capacity; }
  std::string environment() const override {
    return options_.now() < environment_until_ ? environment_ : "";
  }
  bool would_tell() const override {
    return options_.contract == Contract::mecapy && environment().empty();
  }
  bool in_trouble() const override { return steady_clock::now() < trouble_until_; }

  awaitable<model::RunEnd> execute(model::Job job, Observer& observer,
                                   Cancellation& cancellation) override {
    if (cancellation.requested()) co_return cancelled();
    asio::steady_timer stop(co_await asio::this_coro::executor, steady_clock::time_point::max());
    cancellation.set_hook([&stop] { stop.cancel(); });
    std::optional<model::RunEnd> end;
    // `||` waits for one that succeeds: an exception must not get that far.
    std::exception_ptr thrown;
    const auto work = [&]() -> awaitable<void> {
      try {
        end = co_await attempt(job, observer);
      } catch (...) {
        thrown = std::current_exception();
      }
    };
    // Who stops waiting hangs up, and that stops the run.
    co_await (work() || wait_until_cancelled(stop));
    cancellation.clear_hook();
    if (thrown && !cancellation.requested()) std::rethrow_exception(thrown);
    if (cancellation.requested() || !end) co_return cancelled();
    co_return std::move(*end);
  }

  awaitable<Result<model::Look>> check(std::string code, base::Deadline deadline) override {
    if (options_.contract == Contract::seed) co_return model::Look();
    Called called = co_await call(post("/check", wire::check_json(code)), deadline);
    if (called.lines) co_return co_await read_check(*called.lines, deadline);
    const bool late = steady_clock::now() >= deadline || called.verdict == Verdict::full;
    co_return fail(late ? ErrorCode::busy : ErrorCode::unavailable, called.detail);
  }

  // Asking would start a machine, which costs: what the last calls met is told instead.
  awaitable<Result<std::string>> ready(base::Deadline) override {
    if (in_trouble()) co_return fail(ErrorCode::unavailable, options_.url + ": " + trouble_);
    if (options_.now() < differs_until_) {
      co_return fail(ErrorCode::conflict, options_.url + ": " + differs_);
    }
    if (was_there_) co_return "";
    co_return trouble_.empty() ? "nobody has called it yet"
                               : "when it was last called: " + trouble_;
  }

 private:
  net::Outgoing post(const std::string& path, std::string body) const {
    net::Outgoing request;
    request.method = "POST";
    request.url = options_.url + path;
    request.headers = {{"Content-Type", "application/json"}, {"Accept", "application/x-ndjson"}};
    if (!options_.token.empty()) request.headers.emplace_back("X-Auth-Token", options_.token);
    request.body = std::move(body);
    request.max_response = static_cast<std::int64_t>(net::kMaxLine);
    request.repeatable = false;  // only what nobody took is sent again
    return request;
  }

  awaitable<model::RunEnd> attempt(model::Job& job, Observer& observer) {
    const base::Deadline deadline = base::after(options_.timeout + options_.margin);
    auto body = co_await payload(job);
    if (!body) {
      co_return model::failed_end(OutcomeCode::storage_unavailable, body.error().message);
    }
    net::Outgoing request = post("/execute", std::move(*body));
    request.headers.emplace_back("X-Request-ID", model::object_stem(job.run_id.str(), job.attempt));
    Called called = co_await call(std::move(request), deadline);
    switch (called.verdict) {
      case Verdict::taken:
        break;
      case Verdict::away:
      case Verdict::refused:
      case Verdict::full:
      case Verdict::beyond:
        co_return model::failed_end(OutcomeCode::backend_unavailable, called.detail);
      case Verdict::unknown:
        co_return co_await look(job, called.detail);
      case Verdict::wrong:
        co_return model::failed_end(OutcomeCode::internal, called.detail);
    }
    auto end = co_await follow(*called.lines, deadline, model::most_log(job.limits), observer);
    if (!end) co_return co_await look(job, "its answer broke off: " + end.error().message);
    co_return co_await accept(job, std::move(*end));
  }

  // The body of the call. A worker of the seed's reads inputs from an object, and names the result
  // by the task: each attempt is a task to it.
  awaitable<Result<std::string>> payload(model::Job& job) {
    if (options_.contract == Contract::mecapy) co_return wire::execute_json(job);
    if (!job.inputs.stored()) {
      std::string key = "inputs/" + job.run_id.str() + ".json";
      auto put = co_await objects_.put(key, std::move(job.inputs.inline_bytes),
                                       base::after(kStoreDeadline));
      // An earlier attempt may have put them there.
      if (!put && put.error().code != ErrorCode::conflict) co_return put.error();
      job.inputs = {"", std::move(key)};
    }
    co_return wire::seed_execute_json(job);
  }

  // Makes the call until somebody takes it.
  awaitable<Called> call(net::Outgoing request, base::Deadline deadline) {
    Patience patience(options_, deadline);
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (true) {
      milliseconds asked{0};
      Called called = co_await call_once(request, deadline, asked);
      remember(called);
      if (!was_not_taken(called.verdict)) co_return called;
      const auto pause = patience.pause(called.verdict, asked);
      if (!pause) co_return called;
      timer.expires_after(*pause);
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  void remember(const Called& called) {
    if (called.verdict == Verdict::beyond) remember_limits(called.trouble);
    const bool before = std::exchange(
        was_there_, called.verdict != Verdict::away && called.verdict != Verdict::refused);
    if (was_there_) {
      if (!before && !trouble_.empty()) {
        base::log_info("a part is there again", {{"part", "worker"}, {"url", options_.url}});
      }
      trouble_.clear();
      trouble_until_ = {};
      return;
    }
    const bool told = !before && !trouble_.empty();
    trouble_ = called.trouble.empty() ? called.detail : called.trouble;
    trouble_until_ = base::after(kTrouble);
    if (told) return;
    base::log_error("a part is away",
                    {{"part", "worker"}, {"url", options_.url}, {"error", trouble_}});
  }

  // Told once in a while, however many runs it refuses.
  void remember_limits(const std::string& trouble) {
    const bool told = options_.now() < differs_until_ && differs_ == trouble;
    differs_ = trouble;
    differs_until_ = options_.now() + kDiffers;
    if (told) return;
    base::log_error("a worker refuses a run",
                    {{"part", "worker"}, {"url", options_.url}, {"error", differs_}});
  }

  awaitable<Called> call_once(const net::Outgoing& request, base::Deadline deadline,
                              milliseconds& asked) {
    auto opened = co_await http_.open(request, deadline);
    if (const auto* none = std::get_if<net::NoAnswer>(&opened)) {
      const bool nobody = none->reached == net::Reached::nobody;
      co_return Called{{},
                       nobody ? Verdict::away : Verdict::unknown,
                       (nobody ? "the worker cannot be reached: " : "the worker gave no answer: ") +
                           base::one_line(none->error.message, kDetail)};
    }
    auto answer = std::get<std::unique_ptr<net::Incoming>>(std::move(opened));
    const int status = answer->head().status;
    asked = retry_after(answer->head());
    auto lines = net::lines_of(std::move(answer));
    if (judge(status) == Verdict::taken) co_return Called{std::move(lines), Verdict::taken};
    const auto body = co_await lines->next(base::after(kConnect));
    co_return not_taken(status, body && *body ? **body : "");
  }

  // What is right about the end of a worker that answered.
  awaitable<model::RunEnd> accept(const model::Job& job, model::RunEnd end) {
    if (!model::names_own_objects(end, job.run_id, job.attempt)) {
      co_return model::failed_end(OutcomeCode::internal, "the worker named objects of another run");
    }
    remember_environment(end, environment_);
    if (!end.environment.empty()) environment_until_ = options_.now() + kToldFor;
    // Ours has checked what it stored.
    if (options_.contract == Contract::mecapy || !end.result.stored()) co_return end;
    auto result = co_await read_result(objects_, end.result.key, sizes());
    if (!result) co_return unusable(result.error());
    end.result = std::move(*result);
    co_return end;
  }

  awaitable<model::RunEnd> look(const model::Job& job, std::string why) {
    auto found = co_await find_end(objects_, job, sizes());
    if (!found) co_return unusable(found.error());
    if (*found) co_return std::move(**found);
    co_return model::failed_end(OutcomeCode::worker_lost, std::move(why));
  }

  static model::RunEnd unusable(const Error& error) {
    const bool stored =
        error.code == ErrorCode::invalid_request || error.code == ErrorCode::too_deep;
    if (stored) {
      return model::failed_end(OutcomeCode::invalid_result,
                               "the result is not JSON: " + error.message);
    }
    if (error.code == ErrorCode::too_large) {
      return model::failed_end(OutcomeCode::output_limit, "the result is too large");
    }
    return model::failed_end(OutcomeCode::storage_unavailable,
                             "the result could not be read: " + error.message);
  }

  Sizes sizes() const { return {options_.inline_limit, options_.max_result}; }

  ServerlessOptions options_;
  objects::ObjectStore& objects_;
  std::string environment_;             // as last told
  base::Deadline environment_until_{};  // so long that is believed
  std::string differs_;                 // what this server allows and the worker does not
  base::Deadline differs_until_{};      // so long that is told
  base::Deadline trouble_until_{};
  bool was_there_ = false;  // when it was last called
  std::string trouble_;     // why nobody took the last call; "" when it was there, or not called
  net::HttpClient http_;
};

}  // namespace

std::unique_ptr<Backend> make_serverless(ServerlessOptions options, objects::ObjectStore& objects) {
  return std::make_unique<ServerlessBackend>(std::move(options), objects);
}

}  // namespace mecapy::backends
