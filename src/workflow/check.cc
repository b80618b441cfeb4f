#include "workflow/check.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/json.h"
#include "base/problems.h"
#include "wire/pointer.h"
#include "wire/python_values.h"
#include "workflow/graph.h"
#include "workflow/known.h"

namespace mecapy::workflow {
namespace {

constexpr std::size_t kMostLookedThrough = 64UL << 20;  // bytes of inputs
constexpr std::size_t kLongestName = 64;
constexpr int kMostAttempts = 10;

bool is_name(const std::string& text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !text.empty() && text.size() <= kLongestName && letter(text.front()) &&
         std::ranges::all_of(
             text, [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-'; });
}

// RFC 6901.
bool is_pointer(const std::string& text) {
  if (!text.empty() && text.front() != '/') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '~') continue;
    if (i + 1 == text.size() || (text[i + 1] != '0' && text[i + 1] != '1')) return false;
  }
  return true;
}

// The member of an object that a pointer begins with; nothing of the whole.
std::optional<std::string> first_member(const std::string& at) {
  if (at.empty()) return std::nullopt;
  return wire::unescaped(std::string_view(at).substr(1, at.find('/', 1) - 1));
}

bool is_list(std::string_view json) {
  return json.starts_with('[') || wire::list_in(json, 1).has_value();
}
bool is_truth(std::string_view json) { return json == "true" || json == "false"; }

const std::string* pointer_of(const model::Source& source) {
  if (const auto* from = std::get_if<model::FromInput>(&source)) return &from->at;
  if (const auto* from = std::get_if<model::FromNode>(&source)) return &from->at;
  if (const auto* from = std::get_if<model::FromElement>(&source)) return &from->at;
  return nullptr;
}

std::vector<std::string_view> names_of(const std::vector<model::InputFact>& inputs) {
  std::vector<std::string_view> names;
  for (const model::InputFact& input : inputs) names.emplace_back(input.name);
  return names;
}

class Checker {
 public:
  Checker(const model::Workflow& definition, const TaskLookup& tasks)
      : definition_(definition), graph_(graph_of(definition)), known_(definition) {
    for (const model::WorkflowNode& node : definition.nodes) {
      facts_.push_back(tasks(node.task, node.version));
      places_.emplace(node.name, facts_.size() - 1);
      node_names_.emplace_back(node.name);
    }
    for (const model::WorkflowInput& input : definition.inputs) {
      if (inputs_.insert(input.name).second) input_names_.emplace_back(input.name);
    }
  }

  std::vector<base::FieldProblem> all() {
    if (!check_size()) return std::move(problems_).all();
    check_names("/inputs", definition_.inputs,
                [](const model::WorkflowInput& one) { return one.name; });
    check_used();
    check_names("/nodes", definition_.nodes,
                [](const model::WorkflowNode& one) { return one.name; });
    if (definition_.nodes.empty()) tell("/nodes", "there is no node");
    for (std::size_t i = 0; i < definition_.nodes.size(); ++i) check_node(i);
    check_names("/outputs", definition_.outputs, [](const auto& one) { return one.first; });
    if (definition_.outputs.empty()) tell("/outputs", "there is no output");
    for (const auto& [name, source] : definition_.outputs) {
      check_source(base::pointer_to("/outputs", name), source, false);
    }
    check_order();
    return std::move(problems_).all();
  }

 private:
  void tell(std::string pointer, std::string detail) {
    problems_.tell(std::move(pointer), std::move(detail));
  }

  std::string instead(const std::string& name, const std::vector<std::string_view>& known) {
    return problems_.instead(name, known);
  }

  bool check_size() {
    std::size_t inputs = 0;
    for (const model::WorkflowNode& node : definition_.nodes) inputs += node.inputs.size();
    if (inputs <= kMostNodeInputs) return true;
    tell("/nodes", "they have " + std::to_string(inputs) + " inputs altogether, the limit is " +
                       std::to_string(kMostNodeInputs));
    return false;
  }

  template <class Things, class NameOf>
  void check_names(const std::string& below, const Things& things, NameOf name_of) {
    std::set<std::string> seen;
    for (const auto& one : things) {
      const std::string name = name_of(one);
      if (!is_name(name)) {
        tell(base::pointer_to(below, name),
             "a name has 1 to 64 letters, digits, _ and -, and begins with a letter or _");
      } else if (!seen.insert(name).second) {
        tell(base::pointer_to(below, name), "it is there twice");
      }
    }
  }

  std::string pointer_to(std::size_t node) const {
    return base::pointer_to("/nodes", definition_.nodes[node].name);
  }

  void check_node(std::size_t place) {
    const model::WorkflowNode& node = definition_.nodes[place];
    const std::string here = pointer_to(place);
    if (!facts_[place]) {
      const std::string version =
          node.version == 0 ? "" : " of version " + std::to_string(node.version);
      tell(here + "/task", "there is no task " + node.task + version);
    }
    for (const PlacedSource& one : sources_of(node)) {
      const bool is_input = one.source != (node.each ? &*node.each : nullptr) &&
                            one.source != (node.when ? &*node.when : nullptr);
      check_source(here + one.pointer, *one.source, is_input && node.each);
    }
    check_inputs(place, here);
    check_kinds(place, here);
    if (node.attempts < 1 || node.attempts > kMostAttempts) {
      tell(here + "/attempts", "must be between 1 and " + std::to_string(kMostAttempts));
    }
    if (node.on_error == model::OnError::by_default && node.default_json.empty()) {
      tell(here + "/default", "it is missing: on_error says that it is the result of a failed run");
    }
    if (node.on_error != model::OnError::by_default && !node.default_json.empty()) {
      tell(here + "/default", "it is for on_error \"default\" only");
    }
  }

  // Inputs of the workflow.
  void check_used() {
    std::set<std::string_view> used;
    const auto use = [&](const model::Source& source) {
      if (const auto* from = std::get_if<model::FromInput>(&source)) used.insert(from->name);
    };
    for (const model::WorkflowNode& node : definition_.nodes) {
      for (const PlacedSource& one : sources_of(node)) use(*one.source);
    }
    for (const auto& [name, source] : definition_.outputs) use(source);
    for (const std::string_view name : input_names_) {
      if (used.contains(name)) continue;
      tell(base::pointer_to("/inputs", name),
           "nothing uses it: give it to a node or an output, or take it out");
    }
  }

  // What a node goes through is a list, and what decides whether it is wanted is a boolean.
  void check_kinds(std::size_t place, const std::string& here) {
    const model::WorkflowNode& node = definition_.nodes[place];
    const auto check = [&](const std::string& pointer, const std::optional<model::Source>& source,
                           const std::string& wrong, auto is_right) {
      if (!source || is_result_of_list(*source)) return;
      const KnownValues::Value value = known_.of(*source);
      if (value.is != KnownValues::Value::Is::there || is_right(value.json)) return;
      tell(here + pointer, (value.whose.empty() ? "it" : value.whose) + " is " + wrong);
    };
    check("/for_each", node.each, "no list", is_list);
    if (node.when && is_result_of_list(*node.when)) {
      tell(here + "/when", "it is a list: " + std::get<model::FromNode>(*node.when).node +
                               " has for_each, and its result is that of each element");
    }
    check("/when", node.when, "neither true nor false", is_truth);
  }

  bool is_result_of_list(const model::Source& source) const {
    const auto* from = std::get_if<model::FromNode>(&source);
    const auto place = from == nullptr ? places_.end() : places_.find(from->node);
    return place != places_.end() && definition_.nodes[place->second].each.has_value();
  }

  void check_inputs(std::size_t place, const std::string& here) {
    const model::WorkflowNode& node = definition_.nodes[place];
    std::set<std::string> given;
    for (const auto& [name, source] : node.inputs) {
      if (!given.insert(name).second) {
        tell(base::pointer_to(here + "/inputs", name), "it is given twice");
      }
    }
    if (!facts_[place] || !facts_[place]->inputs) return;
    const auto& known = *facts_[place]->inputs;
    for (const std::string& name : given) {
      if (std::ranges::find(known, name, &model::InputFact::name) == known.end()) {
        tell(base::pointer_to(here + "/inputs", name),
             "its task reads no such input" + instead(name, names_of(known)));
      }
    }
    for (const model::InputFact& one : known) {
      if (one.required && !given.contains(one.name)) {
        tell(base::pointer_to(here + "/inputs", one.name), "it is missing: its task needs it");
      }
    }
  }

  void check_source(const std::string& here, const model::Source& source, bool element_is_there) {
    const std::string* const at = pointer_of(source);
    if (at != nullptr && !is_pointer(*at)) {
      tell(here, "\"" + *at + "\" is no JSON pointer: it begins with /");
      return;
    }
    if (const KnownValues::Value value = known_.of(source);
        value.is == KnownValues::Value::Is::missing) {
      tell(here, value.whose + " has nothing at \"" + *at + "\"");
    }
    if (const auto* input = std::get_if<model::FromInput>(&source)) {
      if (!inputs_.contains(input->name)) {
        tell(here, "the workflow has no input " + input->name + instead(input->name, input_names_));
      }
    } else if (const auto* from = std::get_if<model::FromNode>(&source)) {
      check_result(here, *from);
    } else if (std::holds_alternative<model::FromElement>(source) && !element_is_there) {
      tell(here, "there is no element: it is in the inputs of a node with for_each only");
    }
  }

  void check_result(const std::string& here, const model::FromNode& from) {
    const auto place = places_.find(from.node);
    if (place == places_.end()) {
      tell(here, "there is no node " + from.node + instead(from.node, node_names_));
      return;
    }
    const auto& facts = facts_[place->second];
    const auto member = first_member(from.at);
    // Of for_each it is that of every element.
    if (!facts || !facts->results || !member) return;
    if (std::ranges::find(*facts->results, *member) == facts->results->end()) {
      const std::vector<std::string_view> members(facts->results->begin(), facts->results->end());
      tell(here, "the result of " + from.node + " has no " + *member + instead(*member, members));
    }
  }

  // A cycle is told by name, once; what needs a node of it can never begin. What no output needs is
  // told as well.
  void check_order() {
    std::vector<std::size_t> wanted;
    for (const auto& [name, source] : definition_.outputs) {
      const auto* from = std::get_if<model::FromNode>(&source);
      if (from == nullptr) continue;
      const auto place = places_.find(from->node);
      if (place != places_.end()) wanted.push_back(place->second);
    }
    const std::vector<bool> needed = reached(graph_.needs, wanted);
    std::vector<bool> in_cycle(graph_.size(), false);
    std::vector<std::string> stuck(graph_.size());  // by whom
    for (const std::vector<std::size_t>& cycle : cycles_of(graph_)) {
      std::string names;
      for (const std::size_t node : cycle) {
        in_cycle[node] = true;
        names += (names.empty() ? "" : " -> ") + definition_.nodes[node].name;
      }
      tell(pointer_to(cycle.front()), "it needs itself: " + names);
      const std::vector<bool> behind = reached(graph_.needed_by, cycle);
      for (std::size_t i = 0; i < graph_.size(); ++i) {
        if (behind[i]) stuck[i] = definition_.nodes[cycle.front()].name;
      }
    }
    for (std::size_t i = 0; i < graph_.size(); ++i) {
      if (!stuck[i].empty() && !in_cycle[i]) {
        tell(pointer_to(i), "it can never begin: it needs " + stuck[i] + ", which needs itself");
      }
      if (!needed[i] && !definition_.outputs.empty()) {
        tell(pointer_to(i), "no output needs it: name it in one, or take it out");
      }
    }
  }

  const model::Workflow& definition_;
  Graph graph_;
  KnownValues known_;
  std::vector<std::optional<model::CodeFacts>> facts_;     // by node
  std::unordered_map<std::string, std::size_t> places_{};  // of nodes, by name
  std::vector<std::string_view> node_names_{};
  std::set<std::string> inputs_{};
  std::vector<std::string_view> input_names_{};
  base::Problems problems_{};
};

}  // namespace

std::vector<base::FieldProblem> check(const model::Workflow& definition, const TaskLookup& tasks) {
  return Checker(definition, tasks).all();
}

std::vector<base::FieldProblem> check_given(const model::Workflow& definition, const Given& given) {
  base::Problems problems;
  std::size_t left = kMostLookedThrough;
  const auto check = [&](const std::optional<model::Source>& source,
                         bool (*is_right)(std::string_view), const std::string& wrong) {
    const auto* from = source ? std::get_if<model::FromInput>(&*source) : nullptr;
    const auto it = from == nullptr ? given.end() : given.find(from->name);
    if (it == given.end()) return;
    const std::string pointer = base::pointer_to("", from->name) + from->at;
    std::optional<std::string> inside;
    if (!from->at.empty()) {
      if (it->second.size() > left) return;
      left -= it->second.size();
      inside = wire::value_in(it->second, from->at);
      if (!inside) return problems.tell(pointer, "there is no such place in it");
    }
    if (!is_right(inside ? *inside : it->second)) problems.tell(pointer, wrong);
  };
  for (const model::WorkflowNode& node : definition.nodes) {
    check(node.each, is_list, "is no list, and node " + node.name + " goes through it");
    check(node.when, is_truth,
          "is neither true nor false, which says whether node " + node.name + " is wanted");
  }
  return std::move(problems).all();
}

}  // namespace mecapy::workflow
