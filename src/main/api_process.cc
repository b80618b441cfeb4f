#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cmath>

#include "api/api.h"
#include "api/preparing.h"
#include "backends/backend.h"
#include "base/id.h"
#include "base/log.h"
#include "base/utf8.h"
#include "cost/cost.h"
#include "dispatcher/dispatcher.h"
#include "janitor/janitor.h"
#include "main/budgets.h"
#include "main/commands.h"
#include "main/complain.h"
#include "main/data_folder.h"
#include "main/long_path.h"
#include "main/machine_figures.h"
#include "main/monitor.h"
#include "main/parts.h"
#include "main/placers.h"
#include "main/process.h"
#include "main/pulse.h"
#include "main/routing.h"
#include "metrics/server.h"
#include "net/http_server.h"
#include "orchestrator/orchestrator.h"

namespace mecapy::main {
namespace {

namespace asio = boost::asio;
using boost::asio::awaitable;

constexpr std::size_t kThreads = 2;
constexpr std::chrono::seconds kWorkerAnswers{3};
constexpr std::size_t kMissing = 2000;  // bytes of what is away; the launcher reads 4096 at once

std::chrono::milliseconds ms(double seconds) {
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

net::ServerOptions server_options(const config::Settings& s) {
  net::ServerOptions options;
  options.body_limit = static_cast<std::uint64_t>(s.server_body_limit_mb) << 20;
  options.bodies_limit = std::max<std::uint64_t>(options.bodies_limit, 4 * options.body_limit);
  // A task is answered with its inputs.
  options.responses_limit =
      std::max<std::uint64_t>(options.responses_limit, 4 * options.body_limit);
  options.max_connections = static_cast<std::size_t>(s.server_max_connections);
  options.header_timeout = ms(s.server_header_timeout_s);
  options.body_timeout = ms(s.server_body_timeout_s);
  options.idle_timeout = ms(s.server_idle_timeout_s);
  return options;
}

dispatcher::Options dispatcher_options(const config::Settings& s, std::string claimant) {
  dispatcher::Options options;
  options.claimant = std::move(claimant);
  options.retry = retry_policy(s);
  options.lease = ms(s.dispatcher_lease_s);
  options.owns_store = !shares_store(s);
  if (makes_machines(s)) {
    options.longest_s = short_ceilings(s).timeout_s;
    options.longest_cpu_s = short_ceilings(s).cpu_s;
  }
  options.reconcile_every = std::min(options.reconcile_every, options.lease / 2);
  return options;
}

orchestrator::Options orchestrator_options(const config::Settings& s, std::string claimant) {
  orchestrator::Options options;
  options.claimant = std::move(claimant);
  options.owns_store = !shares_store(s);
  options.ceilings = ceilings(s);
  options.inline_limit = s.objects_inline_limit;
  options.lease = ms(s.dispatcher_lease_s);
  return options;
}

std::vector<backends::Backend*> pointers(
    const std::vector<std::unique_ptr<backends::Backend>>& owned) {
  std::vector<backends::Backend*> all;
  for (const auto& one : owned) all.push_back(one.get());
  return all;
}

// All parts of the API process, joined.
class ApiProcess {
 public:
  // What settings chose.
  struct Opened {
    std::unique_ptr<store::Store> store;
    std::unique_ptr<objects::ObjectStore> objects;
    std::vector<std::unique_ptr<backends::Backend>> backends;  // over the objects
    std::unique_ptr<queue::Queue> queue;
    std::unique_ptr<auth::Authenticator> authenticator;
    std::string claimant;
    base::Fd documents;  // the folder of their site, or none
    base::Fd home;       // the channel by which workers here are started
    Routing routing;
    Budgets budgets;
  };
  // What is said of the token of the user "local" when it listens.
  struct LocalToken {
    std::string value{};
    std::string file{};   // "" when it is not kept by us
    std::string about{};  // for people
  };
  ApiProcess(const config::Settings& settings, Opened opened, LocalToken token)
      : settings_(settings),
        token_(std::move(token)),
        store_(std::move(opened.store)),
        objects_(std::move(opened.objects)),
        feed_(io_.get_executor()),
        queue_(std::move(opened.queue)),
        backends_(std::move(opened.backends)),
        routing_(std::move(opened.routing)),
        budgets_(std::move(opened.budgets)),
        router_(pointers(backends_)),
        monitor_(pointers(backends_)),
        dispatcher_(io_,
                    {*store_, *queue_, router_, feed_,
                     [this](const dispatcher::AttemptReport& r) { monitor_.hear_attempt(r); },
                     [this](const model::RunId& id) { orchestrator_.run_ended(id); },
                     [this] { want_machines(); },
                     [this](std::string key) { forget_object(std::move(key)); }},
                    dispatcher_options(settings, opened.claimant)),
        orchestrator_(io_, orchestrator_parts(), orchestrator_options(settings, opened.claimant)),
        authenticator_(std::move(opened.authenticator)),
        cache_(open_cache(settings, io_.get_executor(), clock_)),
        api_(parts(),
             {ceilings(settings), settings.objects_inline_limit, ms(settings.cache_ended_runs_s),
              settings.oidc_issuer, settings.oidc_client_id,
              std::make_shared<api::Site>(std::move(opened.documents))}),
        relay_(share_feed(settings, io_.get_executor(), feed_, opened.claimant,
                          [this](const model::RunId& id) {
                            dispatcher_.cancel(id);
                            if (const auto workflow = model::WorkflowRunId::parse(id.str())) {
                              orchestrator_.wake(*workflow);
                            }
                          })),
        claimant_(opened.claimant),
        home_channel_(std::move(opened.home)),
        signals_(io_, SIGTERM, SIGINT) {}

  int run(base::Fd pulse) {
    asio::co_spawn(io_, start(std::move(pulse)), asio::detached);
    asio::co_spawn(io_, forget_old_keys(), asio::detached);
    asio::co_spawn(io_, remove_orphans(), asio::detached);
    signals_.async_wait([this](boost::system::error_code ec, int) {
      if (!ec) asio::co_spawn(io_, shut_down(), asio::detached);
    });
    io_.run();
    threads_.stop();
    threads_.join();
    return status_;
  }

 private:
  api::Parts parts() {
    return {*store_,
            *queue_,
            *objects_,
            feed_,
            *cache_,
            *authenticator_,
            *clock_,
            threads_,
            [this](const model::RunId& id) { dispatcher_.cancel(id); },
            [this](std::string code, base::Deadline deadline) {
              return router_.check(std::move(code), deadline);
            },
            [this] { return router_.environment(); },
            [this] { return router_.ready(base::after(kWorkerAnswers)); },
            [this](const api::RouteQuestion& question) { return route(routing_, question); },
            makes_machines(settings_),
            [this] { want_machines(); },
            monitor_.hooks(),
            [this](const model::Limits& limits, double seconds) {
              return backend_costs(routing_, limits, seconds);
            },
            [this](const std::string& user) { return budgets_.of(user); },
            [this](const model::Machine& machine) { return hour_eur(routing_.prices, machine); },
            [this]() -> Result<std::string> {
              std::string trouble = long_path_ ? long_path_->trouble() : "";
              if (trouble.empty()) return trouble;
              return fail(ErrorCode::conflict, std::move(trouble));
            },
            [this](const std::string& ward, base::TimePoint begun_at) {
              return is_retired(settings_, ward) ||
                     is_deserted(settings_, ward, begun_at, clock_->now());
            },
            [this](const std::string& user) {
              return std::pair(orchestrator_.conducted(), orchestrator_.conducted_of(user));
            },
            [this] { return orchestrator_.care(); },
            [this](const model::WorkflowRunId& id) { orchestrator_.begun(id); },
            [this](const model::WorkflowRunId& id) { orchestrator_.wake(id); },
            placers_in_use(settings_)};
  }

  // Only called once all is there.
  orchestrator::Parts orchestrator_parts() {
    return {*store_,
            *objects_,
            feed_,
            *clock_,
            threads_,
            [this](orchestrator::Draft draft) -> awaitable<Result<model::Run>> {
              const model::NodePlace place = draft.place;
              api::RunDraft wanted{std::move(draft.user), std::move(draft.task), draft.limits,
                                   std::move(draft.inputs), draft.reuse};
              if (draft.own_since > 0) {
                wanted.own = place;
                wanted.own->attempt = draft.own_since;
                wanted.own_only = draft.own_only;
              }
              auto run = co_await api::prepare_run(api_, std::move(wanted));
              if (run) run->place = place;
              co_return run;
            },
            [this](const model::Run& run) { api::hand_on(api_, run, ""); },
            [this](std::string user, model::RunId id) -> awaitable<void> {
              (void)co_await api::stop_run(api_, user, std::move(id));
            },
            [this](const std::string& user) { return api::budget_of(api_, user); },
            [this] { return router_.capacity(); },
            [this](const model::WorkflowRun& run) { monitor_.hear_workflow_end(run); }};
  }

  // Also where machines are made no more, and something of them is left.
  awaitable<Result<void>> open_long_path() {
    if (!makes_machines(settings_)) {
      auto left = co_await store_->machines().any_left();
      if (!left) co_return left.error();
      if (!*left) co_return Result<void>{};
    }
    long_path_ = std::make_unique<LongPath>(io_, settings_,
                                            LongPath::Parts{*store_, *objects_, feed_, clock_},
                                            std::move(home_channel_), claimant_);
    co_return Result<void>{};
  }

  void want_machines() {
    if (long_path_) long_path_->wake();
  }

  bool is_home(const net::Request& head) const { return long_path_ && home::Home::is_for(head); }

  awaitable<void> start(base::Fd pulse) {
    if (!settings_.redis_url.empty()) {  // the cache is there, and others can write to it
      auto secret = co_await store_->shared_secret();
      if (!secret) co_return stop_with(complain(secret.error()));
      cache_->unlock(std::move(*secret));
    }
    auto started = co_await dispatcher_.start();
    if (!started) co_return stop_with(complain(started.error()));
    (void)co_await router_.ready(base::after(kWorkerAnswers));  // it tells its environment
    auto conducting = co_await orchestrator_.start();
    if (!conducting) co_return stop_with(complain(conducting.error()));
    auto opened = co_await open_long_path();
    if (!opened) co_return stop_with(complain(opened.error()));
    net::ServerOptions options = server_options(settings_);
    options.on_served = [this](const net::Served& served) { monitor_.hear_served(served); };
    auto server = net::listen_tcp(
        io_, settings_.server_host, static_cast<std::uint16_t>(settings_.server_port),
        std::move(options),
        [this](net::Exchange& e) {
          return is_home(e.request()) ? long_path_->home().handle(e) : api_.handle(e);
        },
        [this](const net::Request& head, std::optional<std::int64_t> length) {
          return is_home(head) ? long_path_->home().admit(head) : api_.admit(head, length);
        },
        api::problem);
    if (!server) {
      Error error = server.error();
      if (error.code == ErrorCode::unavailable) error.message += "; choose another with --port";
      co_return stop_with(complain(error));
    }
    if (!token_.file.empty()) {
      base::announce("token: " + token_.about, "the token of the user local is in a file",
                     {{"file", token_.file}});
    }
    server_ = std::move(*server);
    if (long_path_) {
      auto kept = co_await long_path_->start(server_->port());
      if (!kept) co_return stop_with(complain(kept.error()));
    }
    monitor_.watch({*store_, *queue_, *objects_, dispatcher_, orchestrator_, api_, *server_});
    if (long_path_) {
      monitor_.ask([this](metrics::Figures& figures) { long_path_->figures(figures); });
    }
    if (settings_.metrics_port != 0) {
      auto metrics =
          metrics::serve(io_, settings_.metrics_host,
                         static_cast<std::uint16_t>(settings_.metrics_port), monitor_.metrics());
      if (!metrics) co_return stop_with(complain(metrics.error()));
      metrics_server_ = std::move(*metrics);
    }
    const std::string line = std::to_string(server_->port()) + co_await what_is_missing() + "\n";
    if (::write(pulse.get(), line.data(), line.size()) < 0) co_return stop_with(1);
    co_await keep_pulse(std::move(pulse));
  }

  // What is said behind the port while a part is away; "" when none is.
  awaitable<std::string> what_is_missing() {
    auto worst = api::Readiness::Status::unknown;
    std::string missing;
    for (const api::Readiness::Finding& finding : co_await api_.look()) {
      if (finding.status <= api::Readiness::Status::unknown) continue;
      worst = std::max(worst, finding.status);
      missing += (missing.empty() ? "" : "; ") + std::string(finding.part) + ": " + finding.why;
    }
    if (missing.empty()) co_return "";
    missing = base::one_line(missing, kMissing);
    base::log_error("a part is away at the start", {{"error", missing}});
    const bool degraded = worst == api::Readiness::Status::degraded;
    co_return (degraded ? " degraded: " : " not ready: ") + missing;
  }

  void stop_with(int status) {
    status_ = status;
    io_.stop();
  }

  void tell_of_shutdown() const {
    const std::size_t running = dispatcher_.running();
    if (running == 0) {
      base::log_info("shutting down");
      return;
    }
    base::log_info("shutting down; Ctrl-C again stops now, what runs is repeated at the next start",
                   {{"running", running}, {"waiting_s", settings_.server_drain_s}});
  }

  awaitable<void> shut_down() {
    tell_of_shutdown();
    api_.drain();
    if (server_) server_->stop();
    const base::Deadline drained = base::after(ms(settings_.server_drain_s));
    co_await orchestrator_.drain(drained);
    co_await dispatcher_.drain(drained);
    if (long_path_) co_await long_path_->drain(std::max(drained, base::after(ms(2))));
    // Answers of waiting requests are on their way; streams of events do not end by themselves.
    const base::Deadline flush = base::after(std::chrono::seconds(2));
    while (server_ && server_->active() > 0 && std::chrono::steady_clock::now() < flush) {
      asio::steady_timer tick(io_, std::chrono::milliseconds(20));
      boost::system::error_code ec;
      co_await tick.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    }
    io_.stop();
  }

  awaitable<void> forget_old_keys() {
    asio::steady_timer hour(io_);
    while (true) {
      auto done = co_await store_->prune_idempotency(api::kKeyLife);
      if (!done) base::log_warn("old idempotency keys stay", {{"error", done.error().message}});
      hour.expires_after(std::chrono::hours(1));
      co_await hour.async_wait(asio::use_awaitable);
    }
  }

  void forget_object(std::string key) {
    asio::co_spawn(
        io_,
        [this, key = std::move(key)]() -> awaitable<void> {
          const auto gone = co_await objects_->remove(key, base::after(std::chrono::seconds(30)));
          if (gone) co_return;
          base::log_warn("an object that nobody needs is left for the janitor",
                         {{"key", key}, {"error", gone.error().message}});
        },
        asio::detached);
  }

  awaitable<void> remove_orphans() {
    asio::steady_timer day(io_);
    while (true) {
      auto swept =
          co_await janitor::remove_orphans(*store_, *objects_, clock_->now() - janitor::kSafeAge);
      if (!swept) {
        base::log_warn("objects no run refers to stay", {{"error", swept.error().message}});
      }
      if (swept && swept->removed + swept->stuck > 0) {
        base::log_info("objects no run refers to were removed",
                       {{"removed", swept->removed}, {"stuck", swept->stuck}});
      }
      day.expires_after(std::chrono::hours(24));
      co_await day.async_wait(asio::use_awaitable);
    }
  }

  const config::Settings& settings_;
  LocalToken token_;
  asio::io_context io_{1};
  std::shared_ptr<base::SystemClock> clock_ = std::make_shared<base::SystemClock>();
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<objects::ObjectStore> objects_;
  feed::Feed feed_;
  std::unique_ptr<queue::Queue> queue_;
  std::vector<std::unique_ptr<backends::Backend>> backends_;
  Routing routing_;
  Budgets budgets_;
  router::Router router_;
  Monitor monitor_;
  dispatcher::Dispatcher dispatcher_;
  asio::thread_pool threads_{kThreads};
  orchestrator::Orchestrator orchestrator_;
  std::unique_ptr<auth::Authenticator> authenticator_;
  std::unique_ptr<cache::Cache> cache_;
  api::Api api_;
  std::unique_ptr<feed::Relay> relay_;
  std::string claimant_;
  base::Fd home_channel_;                // until the long path has it
  std::unique_ptr<LongPath> long_path_;  // where machines are made, or left
  std::unique_ptr<net::HttpServer> server_;
  std::unique_ptr<net::HttpServer> metrics_server_;
  asio::signal_set signals_;
  int status_ = 0;
};

// None where a provider vouches for callers.
Result<ApiProcess::LocalToken> local_token(const config::Settings& settings) {
  if (!settings.oidc_issuer.empty() || !settings.dev_token.empty()) {
    return ApiProcess::LocalToken{.value = settings.dev_token};
  }
  const std::string path = DataFolder{settings.data_dir}.token();
  const bool first = ::access(path.c_str(), F_OK) != 0;
  auto made = auth::load_or_make_token(path);
  if (!made) return made.error();
  return ApiProcess::LocalToken{
      *made, path, first ? *made + " (shown this once; kept in " + path + ")" : "in " + path};
}

}  // namespace

int run_api(const config::Settings& settings, base::Fd documents, base::Fd home, base::Fd pulse) {
  base::set_log_role("api");
  raise_file_limit();
  give_memory_back();
  ignore_broken_pipes();
  auto routing = make_routing(settings);
  if (!routing) return complain(routing.error());
  if (auto fine = LongPath::check(settings); !fine) return complain(fine.error());
  const auto clock = std::make_shared<base::SystemClock>();
  const std::string claimant = base::make_uuid7();
  auto budgets = read_budgets(settings);
  if (!budgets) return complain(budgets.error());
  if (auto fine = check_budgets(*budgets, *routing); !fine) return complain(fine.error());
  store::CostRules costs = cost_rules(settings, cost::pricing(routing->prices));
  costs.machine_eur = [routing = *routing](const model::Limits& limits, double seconds) {
    return expected_eur(routing, model::kDedicated, limits, seconds);
  };
  auto store = open_store(settings, std::move(costs), clock, [fd = pulse.get()] {
    [[maybe_unused]] const ssize_t told = ::write(fd, kMigrating.data(), kMigrating.size());
  });
  if (!store) return complain(store.error());
  auto objects = open_objects(settings);
  if (!objects) return complain(objects.error());
  auto backends = open_backends(settings, **objects);
  if (!backends) return complain(backends.error());
  auto queue = open_queue(settings, claimant, clock);
  if (!queue) return complain(queue.error());
  auto token = local_token(settings);
  if (!token) return complain(token.error());
  auto authenticator = open_authenticator(settings, token->value, clock);
  if (!authenticator) return complain(authenticator.error());
  ApiProcess process(settings,
                     {std::move(*store), std::move(*objects), std::move(*backends),
                      std::move(*queue), std::move(*authenticator), claimant, std::move(documents),
                      std::move(home), std::move(*routing), std::move(*budgets)},
                     std::move(*token));
  return process.run(std::move(pulse));
}

}  // namespace mecapy::main
