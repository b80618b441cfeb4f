#include "cli/workflow_words.h"

#include <algorithm>
#include <vector>

#include "wire/json.h"
#include "wire/pointer.h"

namespace mecapy::cli {
namespace {

constexpr std::size_t kLongestShown = 60;

bool has_member(const std::string& json, std::string_view name) {
  const auto members = wire::object_members(json.empty() ? "{}" : json);
  return members && std::ranges::find(*members, name, &wire::Member::key) != members->end();
}

std::string constant(const std::string& json) {
  return "{value: " + (json.size() <= kLongestShown ? json : "...") + "}";
}

// Of "verdict.too_thin": a node or an input, and what is taken of it. "" when it names none.
std::string named_source(const WorkflowFile& file, const std::string& text) {
  const std::size_t dot = std::min(text.find_first_of("./"), text.size());
  const std::string name = text.substr(0, dot);
  std::string at = text.substr(dot);
  std::ranges::replace(at, '.', '/');
  const std::string of = at.empty() ? "}" : ", at: " + at + "}";
  if (has_member(file.json("nodes"), name)) return "{node: " + name + of;
  if (has_member(file.json("inputs"), name)) return "{input: " + name + of;
  return "";
}

std::string source(const WorkflowFile& file, const std::string& json) {
  const std::string others = "{input: NAME}, or {node: NAME, at: /MEMBER}";
  if (json == "null") return "write where it comes from: " + others + ", or {value: ...}";
  const auto text = wire::string_value(json);
  if (!text) return "write " + constant(json);
  const std::string named = named_source(file, *text);
  if (!named.empty()) return "write " + named;
  return "write " + constant(json) + " for the text itself; else where it comes from: " + others;
}

std::string workflow_input(const std::string& json) {
  return json == "null"
             ? "write {} for an input that must be given, {default: VALUE} for another"
             : "write {default: " + (json.size() <= kLongestShown ? json : std::string("...")) +
                   "}";
}

std::vector<std::string> parts_of(const std::string& pointer) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < pointer.size();) {
    const std::size_t end = std::min(pointer.find('/', at + 1), pointer.size());
    parts.push_back(pointer.substr(at + 1, end - at - 1));
    at = end;
  }
  return parts;
}

}  // namespace

std::string object_instead(const WorkflowFile& file, const std::string& pointer) {
  const std::vector<std::string> parts = parts_of(pointer);
  if (parts.empty()) return "must hold names with values: KEY: VALUE";
  const std::string rest = pointer.substr(parts[0].size() + 1);
  const std::string member = file.json(parts[0]);
  const auto found = member.empty() ? std::nullopt : wire::value_at(member, rest);
  const std::string json(found.value_or("null"));
  if (parts[0] == "inputs" && parts.size() == 2) return workflow_input(json);
  const bool is_output = parts[0] == "outputs" && parts.size() == 2;
  const bool of_node = parts[0] == "nodes" && parts.size() >= 3;
  if (is_output || (of_node && parts.size() == 4 && parts[2] == "inputs") ||
      (of_node && parts.size() == 3 && (parts[2] == "when" || parts[2] == "for_each")))
    return source(file, json);
  return json == "null" ? "there is nothing below it: write names with values, KEY: VALUE, or {}"
                        : "must hold names with values: KEY: VALUE";
}

}  // namespace mecapy::cli
