#include "metrics/table.h"

namespace mecapy::metrics {
namespace {

// Seconds: from half a millisecond, the best a run can be, to the hours of a long calculation.
std::vector<double> run_buckets() {
  return {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
          1,      2.5,   5,      10,    30,   60,    300,  900, 3600, 14400};
}

// Seconds: a request that waits for the end of its run takes up to ten minutes.
std::vector<double> request_buckets() {
  return {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600};
}

}  // namespace

const std::vector<Row>& table() {
  using M = Metric;
  constexpr auto counter = Kind::counter;
  constexpr auto gauge = Kind::gauge;
  constexpr auto histogram = Kind::histogram;
  static const std::vector<Row> rows = {
      {M::build_info, "mecapy_build_info", gauge, "Always 1; the version is a label", {"version"}},
      {M::runs_finished,
       "mecapy_runs_finished_total",
       counter,
       "Runs whose end this process recorded: completed, cancelled, or the code of the failure; "
       "backend none for those that ended while no backend of this process had them, cache for "
       "those an earlier run answered",
       {"outcome", "backend"}},
      {M::runs_running, "mecapy_runs_running", gauge, "Attempts this process has on a backend"},
      {M::run_stage_seconds,
       "mecapy_run_stage_seconds",
       histogram,
       "Time runs spent: queued until the first claim; claim, execute and record: this process on "
       "the claim, at the backend and on recording the end; setup and run: in the sandbox, within "
       "execute, unless cancelled; total from acceptance to the recorded end",
       {"stage"},
       run_buckets()},
      {M::attempts,
       "mecapy_attempts_total",
       counter,
       "Attempts by what became of them: recorded as the end of the run; retried; stopped by a "
       "shutdown and queued again; lost to another process; unrecorded, as the store was away",
       {"backend", "became"}},
      {M::leases_lost, "mecapy_leases_lost_total", counter,
       "Claims this process found to be another's while it still ran them"},
      {M::dead_letters, "mecapy_dead_letters_total", counter,
       "Runs given up after the last attempt the platform failed"},
      {M::queue_depth, "mecapy_queue_depth", gauge,
       "Runs that wait; of a queue shared by processes, all of them"},
      {M::queue_capacity, "mecapy_queue_capacity", gauge,
       "Runs that may wait; beyond it submits are refused. Of a queue shared by processes each "
       "goes by what it heard last: some more may be accepted, and wait in the database"},
      {M::queue_degraded, "mecapy_queue_degraded", gauge,
       "1 while the queue works for this process alone, as its Redis is away"},
      {M::store_connections,
       "mecapy_store_connections",
       gauge,
       "Connections to the database: busy with a request, idle, or absent until one needs it",
       {"state"}},
      {M::store_waiting, "mecapy_store_waiting", gauge,
       "Requests that wait for a connection to the database"},
      {M::objects_requests, "mecapy_objects_requests_total", counter,
       "Requests this process sent to the object store over the network, retries included"},
      {M::objects_retries, "mecapy_objects_retries_total", counter,
       "Requests to the object store that were sent again after a failure"},
      {M::cache_requests,
       "mecapy_cache_requests_total",
       counter,
       "Look-ups in a cache, by whether it knew the answer",
       {"cache", "result"}},
      {M::workflow_runs, "mecapy_workflow_runs", gauge,
       "Runs of workflows in this process's care, not ended"},
      {M::workflow_runs_finished,
       "mecapy_workflow_runs_finished_total",
       counter,
       "Runs of workflows whose end this process recorded; one that is resumed ends again",
       {"outcome"}},
      {M::workflow_values, "mecapy_workflow_values_bytes", gauge,
       "Values that runs of workflows hold in the memory of this process"},
      {M::machines,
       "mecapy_machines",
       gauge,
       "Machines made for runs that are not gone, of all processes on the database",
       {"placer", "type", "state"}},
      {M::machines_oldest,
       "mecapy_machines_oldest_seconds",
       gauge,
       "Since the oldest of them was asked for",
       {"placer", "type"}},
      {M::machines_cost,
       "mecapy_machines_cost_eur",
       gauge,
       "What they cost so far, EUR, at the price of an hour; without those of an unknown price",
       {"placer", "type"}},
      {M::machines_unpriced,
       "mecapy_machines_unpriced",
       gauge,
       "Those of an unknown price",
       {"placer", "type"}},
      {M::machine_placings,
       "mecapy_machine_placings_total",
       counter,
       "Machines this process asked a placer for, by what it answered",
       {"placer", "answer"}},
      {M::machine_removals,
       "mecapy_machine_removals_total",
       counter,
       "Parts that no run owned, which this process removed",
       {"placer"}},
      {M::machine_leftovers,
       "mecapy_machine_leftovers",
       gauge,
       "Parts that no run owns and that could not be removed, of all processes on the database",
       {"placer"}},
      {M::machines_compared,
       "mecapy_machines_compared_timestamp_seconds",
       gauge,
       "When what a placer lists was last compared with the machines, Unix time; 0: never",
       {"placer"}},
      {M::budget_submits,
       "mecapy_budget_submits_total",
       counter,
       "Submits that came near the budget of their user, or were refused by it",
       {"result"}},
      {M::http_requests,
       "mecapy_http_requests_total",
       counter,
       "Requests answered; route none for those no route takes",
       {"route", "method", "status"}},
      {M::http_request_duration,
       "mecapy_http_request_duration_seconds",
       histogram,
       "From the request's header to the last byte of its answer; waiting for a run included",
       {"route"},
       request_buckets()},
      {M::http_requests_active, "mecapy_http_requests_active", gauge, "Requests being handled"},
      {M::http_connections, "mecapy_http_connections", gauge, "Open connections of clients"},
      {M::event_streams, "mecapy_event_streams", gauge, "Clients that watch the events of a run"},
      {M::process_resident_memory, "process_resident_memory_bytes", gauge,
       "Resident memory of the API process"},
      {M::process_virtual_memory, "process_virtual_memory_bytes", gauge,
       "Virtual memory of the API process"},
      {M::process_cpu, "process_cpu_seconds_total", counter,
       "User and system CPU time of the API process"},
      {M::process_open_fds, "process_open_fds", gauge, "Open descriptors of the API process"},
      {M::process_max_fds, "process_max_fds", gauge, "Descriptors the API process may open"},
      {M::process_start_time, "process_start_time_seconds", gauge,
       "When the API process began, Unix time"},
  };
  return rows;
}

const Row& row(Metric metric) { return table().at(static_cast<std::size_t>(metric)); }

}  // namespace mecapy::metrics
