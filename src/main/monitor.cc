#include "main/monitor.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/log.h"
#include "metrics/process.h"

namespace mecapy::main {
namespace {

using dispatcher::Became;
using metrics::Figures;
using metrics::Metric;

// The backend of a run that none of this process had.
constexpr std::string_view kNone = "none";
// And of one that an earlier run has answered for.
constexpr std::string_view kCache = "cache";

double seconds(std::chrono::microseconds us) { return static_cast<double>(us.count()) / 1e6; }

std::string_view outcome_of(const dispatcher::AttemptReport& report) {
  if (report.code) return model::row(*report.code).name;
  return model::name(report.status);
}

// Clients may send any word as a method.
std::string_view known_method(const std::string& method) {
  static constexpr std::array<std::string_view, 8> kMethods = {
      "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"};
  const auto* known = std::ranges::find(kMethods, method);
  return known == kMethods.end() ? "other" : *known;
}

std::string_view route_of(const net::Served& served) {
  std::string_view route = served.about.route;
  if (route.empty() && !served.request.path.empty()) route = api::route_of(served.request);
  return route.empty() ? kNone : route;
}

std::optional<double> ms(const dispatcher::Times::Taken& taken) {
  if (!taken) return std::nullopt;
  return static_cast<double>(taken->count()) / 1000;
}

// The platform's own words. Those of a calculation's fault or of a limit may be the author's: the
// name of the file that did not fit, what the run said itself. They may hold inputs.
std::string_view words_of(const dispatcher::AttemptReport& report) {
  const bool ours = report.code && model::row(*report.code).fault == model::Fault::platform;
  return ours ? std::string_view(report.message) : std::string_view();
}

void figures_of(const Monitor::Parts& parts, Figures& figures) {
  const auto set = [&](Metric metric, std::size_t value) {
    figures.set(metric, static_cast<double>(value));
  };
  set(Metric::runs_running, parts.dispatcher.running());
  set(Metric::workflow_runs, parts.orchestrator.conducted());
  set(Metric::workflow_values, parts.orchestrator.held().bytes());
  set(Metric::queue_depth, parts.queue.size());
  set(Metric::queue_capacity, parts.queue.capacity());
  set(Metric::queue_degraded, parts.queue.health() ? 0 : 1);
  const store::Connections connections = parts.store.connections();
  const auto state = [&](std::string_view name, std::size_t value) {
    figures.set(Metric::store_connections, static_cast<double>(value), {name});
  };
  state("busy", connections.busy);
  state("idle", connections.idle);
  state("absent", connections.absent);
  set(Metric::store_waiting, connections.waiting);
  if (const auto traffic = parts.objects.traffic()) {
    set(Metric::objects_requests, traffic->requests);
    set(Metric::objects_retries, traffic->retries);
  }
  set(Metric::http_requests_active, parts.server.active());
  set(Metric::http_connections, parts.server.connections());
  set(Metric::event_streams, parts.api.event_streams());
}

}  // namespace

Monitor::Monitor(const std::vector<backends::Backend*>& backends) {
  for (const backends::Backend* backend : backends) {
    for (const std::string_view end : {"completed", "cancelled"}) {
      metrics_.count(Metric::runs_finished, {end, backend->name()}, 0);
    }
    for (const model::OutcomeRow& row : model::outcome_table()) {
      metrics_.count(Metric::runs_finished, {row.name, backend->name()}, 0);
    }
    for (const std::string_view became : dispatcher::kBecameNames) {
      metrics_.count(Metric::attempts, {backend->name(), became}, 0);
    }
  }
  for (const std::string_view cache : {api::kCodeCache, api::kResultCache, api::kRunCache}) {
    for (const std::string_view result : {"hit", "miss"}) {
      metrics_.count(Metric::cache_requests, {cache, result}, 0);
    }
  }
  for (const std::string_view result : {"warned", "refused"}) {
    metrics_.count(Metric::budget_submits, {result}, 0);
  }
  for (const std::string_view end : {"completed", "failed", "cancelled"}) {
    metrics_.count(Metric::workflow_runs_finished, {end}, 0);
  }
  metrics_.count(Metric::leases_lost, {}, 0);
  metrics_.count(Metric::dead_letters, {}, 0);
  metrics_.ask([](Figures& figures) { figures.set(Metric::build_info, 1, {MECAPY_VERSION}); });
  metrics_.ask(metrics::process_figures);
}

api::Hooks Monitor::hooks() {
  api::Hooks hooks;
  hooks.accepted = [this](const model::Run& run, const std::string& request) {
    request_of_.put(run.id, request);
    base::log_info("run accepted", {{"run", run.id.str()},
                                    {"task", run.task_id.str()},
                                    {"request", request},
                                    {"user", run.user}});
    if (model::is_end(run.status)) hear_end(run, kCache);
  };
  hooks.cancelled = [this](const model::Run& run) { hear_end(run, kNone); };
  hooks.looked_up = [this](std::string_view cache, api::LookUp result) {
    metrics_.count(Metric::cache_requests, {cache, result == api::LookUp::hit ? "hit" : "miss"});
  };
  hooks.budget = [this](api::BudgetWord word) {
    metrics_.count(Metric::budget_submits,
                   {word == api::BudgetWord::refused ? "refused" : "warned"});
  };
  return hooks;
}

void Monitor::hear_workflow_end(const model::WorkflowRun& run) {
  const std::string_view outcome = model::name(model::public_status(run.state.status));
  metrics_.count(Metric::workflow_runs_finished, {outcome});
  base::log_info("workflow run ended", {{"run", run.id.str()},
                                        {"workflow", run.workflow_id.str()},
                                        {"attempt", run.attempt},
                                        {"outcome", outcome},
                                        {"failed_node", run.failed_node},
                                        {"user", run.user}});
}

void Monitor::hear_end(const model::Run& run, std::string_view backend) {
  metrics_.count(Metric::runs_finished, {model::name(run.status), backend});
  base::log_info("run ended", {{"run", run.id.str()},
                               {"task", run.task_id.str()},
                               {"attempt", run.attempt},
                               {"outcome", model::name(run.status)},
                               {"backend", backend},
                               {"request", request_for(run.id)}});
}

std::string_view Monitor::request_for(const model::RunId& run) {
  const std::string* request = request_of_.find(run);
  return request == nullptr ? std::string_view() : *request;
}

void Monitor::hear_attempt(const dispatcher::AttemptReport& report) {
  const std::string_view backend = report.backend.empty() ? kNone : report.backend;
  count_attempt(report, backend);
  log_attempt(report, backend);
}

void Monitor::log_attempt(const dispatcher::AttemptReport& report, std::string_view backend) {
  const bool ended = report.became == Became::recorded;
  const dispatcher::Times& times = report.times;
  base::log(ended ? base::LogLevel::info : base::LogLevel::warn,
            ended ? "run ended" : "attempt ended, the run goes on",
            {{"run", report.run.str()},
             {"task", report.task.str()},
             {"attempt", report.attempt},
             {"became", ended ? std::string_view() : dispatcher::name(report.became)},
             {"outcome", outcome_of(report)},
             {"backend", backend},
             {"request", request_for(report.run)},
             {"queued_ms", ms(times.queued)},
             {"setup_ms", ms(times.setup)},
             {"run_ms", ms(times.run)},
             {"total_ms", ms(times.total)},
             {"error", words_of(report)}});
}

void Monitor::count_attempt(const dispatcher::AttemptReport& report, std::string_view backend) {
  metrics_.count(Metric::attempts, {backend, dispatcher::name(report.became)});
  if (report.became == Became::lost) metrics_.count(Metric::leases_lost);
  if (report.given_up) metrics_.count(Metric::dead_letters);
  if (report.became == Became::recorded) {
    metrics_.count(Metric::runs_finished, {outcome_of(report), backend});
  }
  const dispatcher::Times& times = report.times;
  const auto stage = [&](std::string_view name, const dispatcher::Times::Taken& taken) {
    if (taken) metrics_.observe(Metric::run_stage_seconds, seconds(*taken), {name});
  };
  stage("queued", times.queued);
  stage("claim", times.claim);
  stage("execute", times.execute);
  stage("setup", times.setup);
  stage("run", times.run);
  stage("record", times.record);
  stage("total", times.total);
}

void Monitor::hear_served(const net::Served& served) {
  const std::string_view route = route_of(served);
  base::log(served.status >= 500 ? base::LogLevel::warn : base::LogLevel::debug, "request answered",
            {{"request", served.request.id},
             {"method", known_method(served.request.method)},
             {"route", route},
             {"status", served.status},
             {"ms", ms(served.took)},
             {"user", served.about.user}});
  metrics_.count(Metric::http_requests,
                 {route, known_method(served.request.method), std::to_string(served.status)});
  metrics_.observe(Metric::http_request_duration, seconds(served.took), {route});
}

void Monitor::watch(Parts parts) {
  metrics_.ask([parts](Figures& figures) { figures_of(parts, figures); });
}

}  // namespace mecapy::main
