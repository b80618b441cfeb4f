// Every metric, in one table: its name after the conventions of Prometheus, what it says, its
// labels and its buckets. What is told of a metric (metrics.h), the exposition and the tests go by
// it.
//
// The values of a label come from a closed list of ours, or from the table of routes: nothing a
// stranger sends becomes one.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace mecapy::metrics {

enum class Metric : std::uint8_t {
  build_info,
  runs_finished,
  runs_running,
  run_stage_seconds,
  attempts,
  leases_lost,
  dead_letters,
  queue_depth,
  queue_capacity,
  queue_degraded,
  store_connections,
  store_waiting,
  objects_requests,
  objects_retries,
  cache_requests,
  workflow_runs,
  workflow_runs_finished,
  workflow_values,
  machines,
  machines_oldest,
  machines_cost,
  machines_unpriced,
  machine_placings,
  machine_removals,
  machine_leftovers,
  machines_compared,
  budget_submits,
  http_requests,
  http_request_duration,
  http_requests_active,
  http_connections,
  event_streams,
  process_resident_memory,
  process_virtual_memory,
  process_cpu,
  process_open_fds,
  process_max_fds,
  process_start_time,
};

enum class Kind : std::uint8_t { counter, gauge, histogram };

struct Row {
  Metric metric;
  std::string_view name;
  Kind kind;
  std::string_view help;
  std::vector<std::string_view> labels = {};
  std::vector<double> buckets = {};  // of a histogram, upper bounds in ascending order
};

// In the order of the enum.
const std::vector<Row>& table();
const Row& row(Metric metric);

}  // namespace mecapy::metrics
