#include "cli/workflow_graph.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "wire/json.h"

namespace mecapy::cli {
namespace {

std::vector<wire::Member> members_of(std::string_view json) {
  auto members = wire::object_members(json);
  return members ? std::move(*members) : std::vector<wire::Member>{};
}

// The node that a source takes from goes to `names`.
void add_source(std::string_view source, std::set<std::string>& names) {
  for (const wire::Member& member : members_of(source)) {
    if (member.key != "node") continue;
    if (const auto name = wire::string_value(member.raw)) names.insert(*name);
  }
}

std::set<std::string> needs_of(std::string_view node) {
  std::set<std::string> names;
  for (const wire::Member& member : members_of(node)) {
    if (member.key == "for_each" || member.key == "when") add_source(member.raw, names);
    if (member.key != "inputs") continue;
    for (const wire::Member& input : members_of(member.raw)) add_source(input.raw, names);
  }
  return names;
}

}  // namespace

Graph workflow_graph(std::string_view nodes) {
  Graph graph;
  const std::vector<wire::Member> members = members_of(nodes);
  for (const wire::Member& node : members) {
    GraphNode made{node.key, {}};
    const std::set<std::string> names = needs_of(node.raw);
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (names.contains(members[i].key)) made.needs.push_back(i);
    }
    graph.nodes.push_back(std::move(made));
  }
  return graph;
}

}  // namespace mecapy::cli
