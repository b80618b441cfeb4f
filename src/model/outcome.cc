#include "model/outcome.h"

#include <array>

namespace mecapy::model {

std::string_view name(Fault fault) {
  static constexpr std::array<std::string_view, 3> kNames = {"calculation", "limit", "platform"};
  return kNames.at(static_cast<std::size_t>(fault));
}

const std::vector<OutcomeRow>& outcome_table() {
  using enum OutcomeCode;
  static const std::vector<OutcomeRow> table = {
      {invalid_code, "invalid_code", Fault::calculation, 10,
       "the code has a syntax error or no function calculate(inputs)"},
      {user_error, "user_error", Fault::calculation, 11, "calculate raised an exception"},
      {invalid_result, "invalid_result", Fault::calculation, 12,
       "calculate ended without a result that can be encoded"},
      {crashed, "crashed", Fault::calculation, 13, "the process died of a signal or a bad exit"},
      {timeout, "timeout", Fault::limit, 20, "the wall time limit was reached"},
      {out_of_memory, "out_of_memory", Fault::limit, 21, "the memory limit was reached"},
      {cpu_limit, "cpu_limit", Fault::limit, 22, "the CPU time limit was reached"},
      {disk_limit, "disk_limit", Fault::limit, 23, "the working folder is full"},
      {process_limit, "process_limit", Fault::limit, 24,
       "the limit of processes and threads was reached"},
      {output_limit, "output_limit", Fault::limit, 25,
       "the log, the result or the artifacts are larger than allowed"},
      {worker_lost, "worker_lost", Fault::platform, 30, "the worker died while the run was on it"},
      {backend_unavailable, "backend_unavailable", Fault::platform, 31,
       "no worker could be reached"},
      {storage_unavailable, "storage_unavailable", Fault::platform, 32,
       "inputs, results or artifacts could not be read or kept"},
      {internal, "internal", Fault::platform, 33, "a defect of the platform"},
  };
  return table;
}

const OutcomeRow& row(OutcomeCode code) {
  return outcome_table().at(static_cast<std::size_t>(code));
}

std::optional<OutcomeCode> parse_outcome(std::string_view name) {
  for (const OutcomeRow& r : outcome_table()) {
    if (r.name == name) return r.code;
  }
  return std::nullopt;
}

}  // namespace mecapy::model
