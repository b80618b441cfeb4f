#include "client/cost_answers.h"

#include "client/view.h"
#include "client/whole.h"
#include "model/run.h"

namespace mecapy::client {
namespace {

CostSum sum_of(const View& sum) {
  return {sum.text("key"), sum.integer("runs").value_or(0), sum.number("eur").value_or(0),
          sum.integer("incomplete_runs").value_or(0)};
}

BackendCost cost_of(std::string_view backend, const View& cost) {
  return {std::string(backend),      cost.is_true("configured"),     cost.text("machine"),
          cost.text("not_possible"), cost.number("eur").value_or(0), cost.text("why")};
}

}  // namespace

Result<CostSum> read_cost_sum(const std::string& text) {
  const json::value whole = parsed(text);
  if (!whole.is_object()) return broken();
  return sum_of(View(whole));
}

Result<CostsAnswer> read_costs(const std::string& text) {
  const json::value whole = parsed(text);
  const View costs(whole);
  const auto total = costs.object("total");
  if (!total) return broken();
  return CostsAnswer{costs.text("by"), costs.text("from"), costs.text("to"), sum_of(*total),
                     json::serialize(whole.at("total"))};
}

Result<EstimateAnswer> read_estimate(const std::string& text) {
  const json::value whole = parsed(text);
  const View estimate(whole);
  const auto duration = estimate.object("duration");
  const auto backend = estimate.object("backend");
  const auto costs = estimate.object("cost");
  if (!duration || !backend || !costs) return broken();
  EstimateAnswer answer{duration->number("duration_s").value_or(0), duration->text("source"),
                        duration->integer("samples"), backend->text("chosen"),
                        backend->text("why")};
  for (const std::string_view name : {model::kLocal, model::kServerless, model::kDedicated}) {
    if (const auto cost = costs->object(name)) answer.costs.push_back(cost_of(name, *cost));
  }
  return answer;
}

}  // namespace mecapy::client
