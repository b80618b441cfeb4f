// How a run can fail: the closed list, whose fault each is, and whether the platform tries again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mecapy::model {

enum class Fault : std::uint8_t { calculation, limit, platform };
std::string_view name(Fault fault);

enum class OutcomeCode : std::uint8_t {
  // the calculation's
  invalid_code,
  user_error,
  invalid_result,
  crashed,
  // a limit
  timeout,
  out_of_memory,
  cpu_limit,
  disk_limit,
  process_limit,
  output_limit,
  // the platform's: retried with backoff, then dead-lettered
  worker_lost,
  backend_unavailable,
  storage_unavailable,
  internal,
};
inline constexpr auto kOutcomeCodes =
    static_cast<std::size_t>(OutcomeCode::internal) + 1;  // the last

struct OutcomeRow {
  OutcomeCode code;
  std::string_view name;
  Fault fault;
  int exit_code;  // of `mecapy run`: 1x the calculation's, 2x a limit's, 3x the platform's
  std::string_view meaning;
};

const std::vector<OutcomeRow>& outcome_table();
const OutcomeRow& row(OutcomeCode code);
std::optional<OutcomeCode> parse_outcome(std::string_view name);
inline bool is_platform_fault(OutcomeCode code) { return row(code).fault == Fault::platform; }

// Why a run failed. `message` is for the author; it never holds a path or a frame of the platform.
struct Failure {
  OutcomeCode code = OutcomeCode::internal;
  std::string message;
  std::string traceback{};      // the author's frames only; empty when there are none
  std::optional<int> line{};    // 1-based line in the author's file
  std::optional<int> column{};  // 1-based
};

}  // namespace mecapy::model
