#include "workflow/graph.h"

#include <gtest/gtest.h>

namespace mecapy::workflow {
namespace {

model::WorkflowNode node(std::string name, const std::vector<std::string>& needs) {
  model::WorkflowNode made{.name = std::move(name), .task = "t"};
  for (const std::string& need : needs) made.inputs.emplace_back(need, model::FromNode{need, ""});
  return made;
}

Graph graph(std::vector<model::WorkflowNode> nodes) {
  model::Workflow definition;
  definition.nodes = std::move(nodes);
  return graph_of(definition);
}

using Places = std::vector<std::size_t>;

TEST(Graph, HasWhatANodeNeedsOnce) {
  model::WorkflowNode end = node("end", {"a", "b", "gone"});
  end.when = model::FromNode{"a", "/on"};
  const Graph found = graph({end, node("a", {}), node("b", {"a"})});
  EXPECT_EQ(found.needs, (std::vector<Places>{{1, 2}, {}, {1}}));
  EXPECT_EQ(found.needed_by, (std::vector<Places>{{}, {0, 2}, {0}}));
}

TEST(Graph, OrderIsThatInWhichNodesCanBegin) {
  EXPECT_EQ(order_of(graph({node("end", {"left", "right"}), node("left", {"begin"}),
                            node("right", {"begin"}), node("begin", {})})),
            (Places{3, 1, 2, 0}));
  EXPECT_EQ(order_of(graph({node("a", {"b"}), node("b", {"a"}), node("c", {"b"}), node("d", {})})),
            Places{3});
  EXPECT_EQ(order_of(Graph()), Places{});
}

TEST(Graph, TheLongestPathIsThatOfTheTimes) {
  const Graph diamond = graph({node("end", {"left", "right"}), node("left", {"begin"}),
                               node("right", {"begin"}), node("begin", {}), node("alone", {})});
  EXPECT_EQ(longest_path(diamond, {1, 5, 2, 3, 0}), 9);
  EXPECT_EQ(longest_path(diamond, {1, 1, 2, 3, 0}), 6);
  EXPECT_EQ(longest_path(diamond, {1, 1, 2, 3, 40}), 40);
  EXPECT_EQ(longest_path(Graph(), {}), 0);
}

}  // namespace
}  // namespace mecapy::workflow
