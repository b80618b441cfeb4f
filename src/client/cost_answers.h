// What the server says of costs, read. What is not there is empty, 0 or false.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace mecapy::client {

struct CostSum {
  std::string key;
  std::int64_t runs = 0;
  double eur = 0;
  std::int64_t incomplete = 0;
};
// unavailable for what is none; so all of these.
Result<CostSum> read_cost_sum(const std::string& json);

struct CostsAnswer {
  std::string by;
  std::string from;
  std::string to;
  CostSum total{};
  std::string total_json = "{}";
};
Result<CostsAnswer> read_costs(const std::string& json);

struct BackendCost {
  std::string backend;
  bool configured = false;
  std::string machine{};
  std::string why_not{};
  double eur = 0;
  std::string why{};  // it is not complete
};
struct EstimateAnswer {
  double duration_s = 0;
  std::string source;
  std::optional<std::int64_t> samples{};
  std::string backend;
  std::string why;
  std::vector<BackendCost> costs{};
};
Result<EstimateAnswer> read_estimate(const std::string& json);

}  // namespace mecapy::client
