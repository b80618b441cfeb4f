#include "wire/cost_json.h"

#include <boost/json/parse.hpp>

#include "wire/json.h"
#include "wire/run_parts.h"
#include "wire/schema.h"

namespace mecapy::wire {
namespace {

namespace json = boost::json;

std::string component_json(const model::CostComponent& part) {
  ObjectWriter out;
  out.text("name", part.name).text("item", part.item).number("quantity", part.quantity);
  out.text("unit", part.unit).number("free", part.free);
  if (part.eur_each) out.number("eur_each", *part.eur_each);
  if (part.eur) out.number("eur", *part.eur);
  return std::move(out).finish();
}

void write_cost(ObjectWriter& out, const model::Cost& cost) {
  std::vector<std::string> parts;
  for (const model::CostComponent& part : cost.components) parts.push_back(component_json(part));
  out.number("eur", cost.eur).boolean("complete", cost.complete);
  if (!cost.why.empty()) out.text("why", cost.why);
  if (!cost.prices_of.empty()) out.text("prices_of", cost.prices_of);
  out.text("free_allowances", model::name(cost.allowances)).raw("components", array_of(parts));
}

std::string text_at(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : "";
}
std::optional<double> number_at(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  if (found == nullptr || !found->is_number()) return std::nullopt;
  return found->to_number<double>();
}

std::string sum_json(const Sum& sum, std::string_view key) {
  ObjectWriter out;
  if (!key.empty()) out.text("key", key);
  out.integer("runs", sum.runs).number("eur", sum.eur).integer("incomplete_runs", sum.incomplete);
  return std::move(out).finish();
}

std::string backend_cost_json(const BackendCost& one) {
  ObjectWriter out;
  out.boolean("configured", one.configured);
  if (!one.machine.empty()) out.text("machine", one.machine);
  if (!one.why_not.empty()) return std::move(out.text("not_possible", one.why_not)).finish();
  write_cost(out, one.cost);
  return std::move(out).finish();
}

}  // namespace

std::string cost_json(const model::Cost& cost) {
  ObjectWriter out;
  write_cost(out, cost);
  return std::move(out).finish();
}

std::optional<model::Cost> read_cost(std::string_view text) {
  json::error_code ec;
  const json::value value = json::parse(text, ec);
  if (ec || !value.is_object()) return std::nullopt;
  const json::object& object = value.get_object();
  const json::value* const complete = object.if_contains("complete");
  const json::value* const parts = object.if_contains("components");
  if (complete == nullptr || !complete->is_bool() || parts == nullptr || !parts->is_array()) {
    return std::nullopt;
  }
  model::Cost cost;
  cost.eur = number_at(object, "eur").value_or(0);
  cost.complete = complete->get_bool();
  cost.why = text_at(object, "why");
  cost.prices_of = text_at(object, "prices_of");
  for (const json::value& one : parts->get_array()) {
    if (!one.is_object()) return std::nullopt;
    const json::object& part = one.get_object();
    cost.components.push_back({text_at(part, "name"), text_at(part, "item"),
                               number_at(part, "quantity").value_or(0), text_at(part, "unit"),
                               number_at(part, "free").value_or(0), number_at(part, "eur_each"),
                               number_at(part, "eur")});
  }
  return cost;
}

std::string costs_json(const CostsAnswer& answer) {
  std::vector<std::string> items;
  for (const Sum& sum : answer.items) {
    items.push_back(sum_json(sum, sum.key.empty() ? "ad_hoc" : sum.key));
  }
  ObjectWriter out;
  out.text("by", answer.by).text("from", answer.from).text("to", answer.to);
  out.raw("items", array_of(items)).raw("total", sum_json(answer.total, ""));
  if (!answer.next.empty()) out.text("next", answer.next);
  return std::move(out).finish();
}

Result<EstimateRequest> read_estimate(std::string_view body, std::string_view shape,
                                      const model::Limits& ceilings) {
  const auto fields = read_fields(body.empty() ? "{}" : body, find_spec(shape), ceilings);
  if (!fields) return fields.error();
  return EstimateRequest{fields->integer("version"), fields->number("estimated_duration_s"),
                         fields->raw("limits").value_or("{}")};
}

Result<model::Limits> estimated_limits(const EstimateRequest& request, const model::Limits& limits,
                                       const model::Limits& ceilings) {
  const model::Limits asked = model::bound_cpu(read_limits(request.limits_json, limits), ceilings);
  if (const auto fit = model::check_limits(asked, ceilings); !fit) return fit.error();
  return asked;
}

std::string estimate_answer_json(const EstimateAnswer& answer) {
  ObjectWriter costs;
  for (const BackendCost& one : answer.costs) costs.raw(one.backend, backend_cost_json(one));
  ObjectWriter out;
  if (!answer.task_id.empty()) {
    out.text("task_id", answer.task_id).integer("version", answer.version);
  }
  ObjectWriter backend;
  backend.text("chosen", answer.backend).text("why", answer.why);
  out.raw("duration", estimate_json(answer.duration)).raw("backend", std::move(backend).finish());
  out.raw("cost", std::move(costs).finish());
  return std::move(out).finish();
}

}  // namespace mecapy::wire
