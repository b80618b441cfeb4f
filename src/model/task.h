// A task: a calculation somebody keeps. Its code, default inputs and limits are in immutable
// versions 1, 2, 3 ...; name, description, tags and estimate belong to the task itself.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/ids.h"
#include "model/limits.h"

namespace mecapy::model {

struct TaskVersion {
  int number = 1;
  std::string code;           // Python source, UTF-8
  std::string inputs = "{}";  // default inputs: validated JSON, the bytes it came in
  Limits limits{};
};

struct Task {
  TaskId id{};
  std::string user;
  std::string name;
  std::string description;
  std::vector<std::string> tags{};
  std::optional<double> estimated_duration_s{};
  std::optional<double> cache_ttl_s{};  // runs may be answered from earlier ones, so old
  bool ad_hoc = false;                  // made by an execute without a task; not listed
  TaskVersion version{};                // the one asked for, else the latest
  base::TimePoint created_at{};
  base::TimePoint updated_at{};
};

}  // namespace mecapy::model
