// Which node needs which: the order that a definition's sources give.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/workflow.h"

namespace mecapy::workflow {

// Nodes are their places in model::Workflow::nodes.
struct Graph {
  std::vector<std::vector<std::size_t>> needs;      // those whose results a node reads, each once
  std::vector<std::vector<std::size_t>> needed_by;  // the other way
  std::size_t size() const { return needs.size(); }
};

// Sources that name no node of the definition are left out.
Graph graph_of(const model::Workflow& definition);

// Cycles that share no node: each in the order of needs, its first node again at its end. Without
// the nodes of these there is none.
std::vector<std::vector<std::size_t>> cycles_of(const Graph& graph);

// Nodes as they can begin. What is in a cycle, or needs what is, is not among them.
std::vector<std::size_t> order_of(const Graph& graph);

// How long it takes until all is done when a node begins as soon as what it needs is: `durations`
// are those of the nodes.
double longest_path(const Graph& graph, const std::vector<double>& durations);

// All that `from` lead to by `edges` (needs or needed_by), themselves as well.
std::vector<bool> reached(const std::vector<std::vector<std::size_t>>& edges,
                          const std::vector<std::size_t>& from);

// All sources of a node, with where each stands below the node in JSON: "/inputs/force".
struct PlacedSource {
  std::string pointer;
  const model::Source* source;
};
std::vector<PlacedSource> sources_of(const model::WorkflowNode& node);

}  // namespace mecapy::workflow
