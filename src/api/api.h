// The public HTTP API: parse, validate, act, map. One table of routes (route_table.cc) drives the
// matching, the 405s, the query checks, OpenAPI and the docs page.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/readiness.h"
#include "api/site.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "base/recent.h"
#include "cache/cache.h"
#include "feed/feed.h"
#include "model/look.h"
#include "model/run.h"
#include "model/workflow.h"
#include "net/http.h"
#include "objects/objects.h"
#include "queue/queue.h"
#include "store/store.h"
#include "wire/cost_json.h"

namespace mecapy::api {

using boost::asio::awaitable;

enum class LookUp : std::uint8_t { hit, miss };
// What is kept: code that was looked at; results for runs that calculate the same; runs that ended.
inline constexpr std::string_view kCodeCache = "code";
inline constexpr std::string_view kResultCache = "result";
inline constexpr std::string_view kRunCache = "run";

enum class BudgetWord : std::uint8_t { warned, refused };

// Who wants to hear what happens, on the loop's thread: for figures and logs.
struct Hooks {
  // A new run is kept, as the request of that id asked ("": none did); it has ended when an earlier
  // one answers for it.
  std::function<void(const model::Run& run, const std::string& request)> accepted =
      [](const auto&, const auto&) {};
  // A run ended before it ran again.
  std::function<void(const model::Run& run)> cancelled = [](const auto&) {};
  // A cache was asked; `cache` is a constant.
  std::function<void(std::string_view cache, LookUp result)> looked_up = [](auto, auto) {};
  // A submit came near its user's budget, or found it exhausted.
  std::function<void(BudgetWord word)> budget = [](auto) {};
};

// What the choice of a run's backend goes by.
struct RouteQuestion {
  std::optional<double> caller_s{};                  // how long it takes, as its caller says
  std::vector<std::chrono::microseconds> history{};  // earlier runs of the version
  std::optional<double> task_s{};                    // as its task says
  model::Limits limits{};
  bool wants_history = false;  // the estimate matters, beside the choice
};
struct RouteAnswer {
  std::string backend;
  std::string why;  // for people
  model::Estimate estimate;
  double expected_eur = 0;  // as far as prices are known
};

// What a user may spend in a month.
struct BudgetTerms {
  double month_eur = 0;
  double warn_at = 1;  // the part of it from which he is told
};

struct Parts {
  store::Store& store;
  queue::Queue& queue;
  objects::ObjectStore& objects;
  feed::Feed& feed;
  cache::Cache& cache;
  auth::Authenticator& authenticator;
  const base::Clock& clock;
  // Reads large bodies; its work must have ended before the Api does.
  boost::asio::thread_pool& threads;
  // Stops a run that runs in this process.
  std::function<void(const model::RunId&)> cancel;
  // Looks at code. unavailable when nobody can say, busy when nobody can before the deadline.
  std::function<awaitable<Result<model::Look>>(std::string code, base::Deadline deadline)> check;
  // The Python environment that runs find now; "" when nobody has told yet.
  std::function<std::string()> environment;
  // Whether a worker is there, for readiness: "" when one is, else why nobody knows; unavailable
  // names what is missing, conflict a fault of the set-up.
  std::function<awaitable<Result<std::string>>()> worker_ready;
  // Chooses the backend of a run; invalid_fields when there is none for it.
  std::function<Result<RouteAnswer>(const RouteQuestion&)> route;
  // Whether that, or what it is expected to cost, depends on how long a run takes.
  bool routes_by_time = false;
  // A run wants a machine of its own, or does no longer.
  std::function<void()> machines_wanted = [] {};
  Hooks hooks{};
  // What such a run of so many seconds would cost, on each backend.
  std::function<std::vector<wire::BackendCost>(const model::Limits&, double seconds)> costs =
      [](const auto&, double) { return std::vector<wire::BackendCost>(); };
  // The budget of a user; nothing for one without.
  std::function<std::optional<BudgetTerms>(const std::string& user)> budget = [](const auto&) {
    return std::optional<BudgetTerms>();
  };
  // What an hour of such a machine costs, EUR; nothing when nobody knows it.
  std::function<std::optional<double>(const model::Machine&)> hour_eur = [](const auto&) {
    return std::optional<double>();
  };
  // Whether all machines that are there are looked after, for readiness: "" when they are; conflict
  // names what nobody here can take away.
  std::function<Result<std::string>()> machines_ready = [] { return Result<std::string>(""); };
  // Whether nobody lists any more what that lists (store::Reaping), which was begun last then.
  std::function<bool(const std::string& ward, base::TimePoint begun_at)> retired =
      [](const auto&, auto) { return false; };
  // Workflow runs that are conducted here now: all, and those of a user.
  std::function<std::pair<std::size_t, std::size_t>(const std::string& user)> workflows_running =
      [](const auto&) { return std::pair<std::size_t, std::size_t>(); };
  // Whose care a run of a workflow is in that is begun here.
  std::function<store::Care()> workflow_care = [] { return store::Care(); };
  // The store has one that is to go on, or of which a cancel was asked for.
  std::function<void(const model::WorkflowRunId&)> workflow_begun = [](const auto&) {};
  std::function<void(const model::WorkflowRunId&)> workflow_changed = [](const auto&) {};
  // Who makes machines here, also by the names of what they list (store::Reaping).
  std::vector<std::string> placers{};
};

// How long an Idempotency-Key is remembered at least.
inline constexpr std::chrono::hours kKeyLife{24};

struct Options {
  model::Limits ceilings = model::default_ceilings();
  std::int64_t inline_limit = 32 * 1024;         // bytes
  std::chrono::milliseconds keep_ended{60'000};  // in the cache, after somebody asked for it
  std::string issuer{};                          // whose tokens callers send; "": tokens of our own
  std::string client_id{};                       // of its public client, by which people log in
  std::shared_ptr<const Site> site = std::make_shared<Site>();  // of the documents
};

// about.cc: what readiness asks.
std::vector<Readiness::Part> parts_to_ask(const Parts& parts);

class Api {
 public:
  Api(Parts parts, Options options)
      : parts_(std::move(parts)), options_(std::move(options)), readiness_(parts_to_ask(parts_)) {}

  awaitable<void> handle(net::Exchange& exchange);
  // Refuses before the body is read: no such route, no valid token, a body that is not JSON.
  std::optional<net::Response> admit(const net::Request& head,
                                     std::optional<std::int64_t> length) const;
  // What readiness finds.
  awaitable<std::vector<Readiness::Finding>> look() { return readiness_.look(); }
  // From now on, requests for new runs are answered with 503.
  void drain() { draining_ = true; }
  // Clients that watch the events of a run.
  std::size_t event_streams() const { return event_streams_; }

 private:
  friend struct Routes;
  // By SHA-256: what is known of code that was looked at and can be a calculation.
  using GoodCodes = base::Recent<std::string, model::CodeFacts>;
  // By workflow and version. Of 16 MiB of JSON, which becomes some four times that.
  using Definitions = base::Recent<std::string, std::shared_ptr<const model::Workflow>>;
  Parts parts_;
  Options options_;
  GoodCodes good_codes_{1024};
  Definitions definitions_{16 << 20};
  std::int64_t large_pieces_ = 0;  // bytes beyond a piece each that answers hold (routes.h)
  Readiness readiness_;
  bool draining_ = false;
  std::size_t event_streams_ = 0;
};

// The pattern of the first route that takes the request's path, whatever its method; "" when there
// is none.
std::string_view route_of(const net::Request& request);

// The answer for `error`: problem+json, with the headers its status asks for.
net::Response problem(const Error& error, const std::string& request_id);

}  // namespace mecapy::api
