#include "workflow/known.h"

#include <algorithm>
#include <utility>

#include "wire/pointer.h"
#include "wire/python_values.h"

namespace mecapy::workflow {
namespace {

constexpr std::size_t kMostBytes = 16 * 1024 * 1024;

}  // namespace

KnownValues::KnownValues(const model::Workflow& definition) : left_(kMostBytes) {
  for (const model::WorkflowInput& input : definition.inputs) inputs_.emplace(input.name, &input);
  for (const model::WorkflowNode& node : definition.nodes) nodes_.emplace(node.name, &node);
}

KnownValues::Value KnownValues::of(const model::Source& source) {
  if (const auto* constant = std::get_if<model::Constant>(&source)) {
    return {Value::Is::there, "", constant->json};
  }
  if (const auto* from = std::get_if<model::FromInput>(&source)) {
    const auto it = inputs_.find(from->name);
    if (it == inputs_.end() || !it->second->default_json) return {};
    return in(*it->second->default_json, from->at, "the default of input " + from->name);
  }
  if (const auto* from = std::get_if<model::FromNode>(&source)) {
    const auto it = nodes_.find(from->node);
    if (it == nodes_.end() || it->second->on_error != model::OnError::by_default) return {};
    if (it->second->default_json.empty()) return {};
    return in(it->second->default_json, from->at, "the default of " + from->node);
  }
  return {};
}

// Each step of a pointer goes through what it points into.
KnownValues::Value KnownValues::in(const std::string& json, const std::string& at,
                                   std::string whose) {
  const auto steps = static_cast<std::size_t>(std::ranges::count(at, '/'));
  if (json.size() * steps > left_) return {};
  left_ -= json.size() * steps;
  if (const auto value = wire::value_at(json, at)) {
    return {Value::Is::there, std::move(whose), *value};
  }
  auto inside = wire::value_in(json, at);
  if (!inside) return {Value::Is::missing, std::move(whose)};
  const auto held = std::make_shared<const std::string>(std::move(*inside));
  return {Value::Is::there, std::move(whose), *held, held};
}

}  // namespace mecapy::workflow
