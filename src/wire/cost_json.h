// The JSON of what runs cost, or would.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/cost.h"
#include "model/run.h"

namespace mecapy::wire {

std::string cost_json(const model::Cost& cost);
// What cost_json wrote; nothing for other text.
std::optional<model::Cost> read_cost(std::string_view text);

// A row of sums.
struct Sum {
  std::string key;
  std::int64_t runs = 0;
  std::int64_t incomplete = 0;
  double eur = 0;
};
struct CostsAnswer {
  std::string_view by;
  std::string from;  // "2026-11-01", the first day
  std::string to;    // the last
  std::vector<Sum> items{};
  Sum total{};  // its key is not told
  std::string next{};
};
std::string costs_json(const CostsAnswer& answer);

struct EstimateRequest {
  std::optional<int> version{};
  std::optional<double> estimated_duration_s{};
  std::string limits_json = "{}";  // over those of the version
};
// `shape` is Estimated or AdHocEstimated. An empty body means {}.
Result<EstimateRequest> read_estimate(std::string_view body, std::string_view shape,
                                      const model::Limits& ceilings);
// The limits with those of the request in place, checked against `ceilings`.
Result<model::Limits> estimated_limits(const EstimateRequest& request, const model::Limits& limits,
                                       const model::Limits& ceilings);

// What a run would cost on one backend.
struct BackendCost {
  std::string backend;
  bool configured = false;
  std::string machine{};  // "scaleway/PRO2-S", where one is made for it
  std::string why_not{};  // it cannot hold the run; "": it can
  model::Cost cost{};     // then
};
struct EstimateAnswer {
  std::string task_id{};  // "" of none
  int version = 1;
  model::Estimate duration{};
  std::string backend{};
  std::string why{};
  std::vector<BackendCost> costs{};
};
std::string estimate_answer_json(const EstimateAnswer& answer);

}  // namespace mecapy::wire
