// A workflow as data: calculations that feed each other. Plain values; what is wrong with them
// says workflow/check.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "model/ids.h"

namespace mecapy::model {

// ---- where a value comes from

struct Constant {
  std::string json;
};
// Of the workflow; `at` is a JSON pointer into the value, "" for all of it.
struct FromInput {
  std::string name;
  std::string at;
};
// The result of another node.
struct FromNode {
  std::string node;
  std::string at;
};
// That of the list which the node of it is for_each of.
struct FromElement {
  std::string at;
};
using Source = std::variant<Constant, FromInput, FromNode, FromElement>;
using NamedSources = std::vector<std::pair<std::string, Source>>;

// ---- nodes

enum class OnError : std::uint8_t {
  fail,        // the workflow fails: nothing new begins, what runs ends
  skip,        // it has no result, and what needs one is skipped
  by_default,  // its result is `default_json`
};

struct WorkflowNode {
  std::string name;
  std::string task;
  int version = 0;                 // 0: the latest when a run of the workflow begins
  NamedSources inputs{};           // what calculate receives
  std::optional<Source> each{};    // a list: one run for each element, results in its order
  std::optional<Source> when{};    // a boolean: where it is false, the node is skipped
  std::string limits_json = "{}";  // those that are not the task's (limits.h)
  int attempts = 1;                // runs that may fail before the node does
  OnError on_error = OnError::fail;
  std::string default_json{};
};

struct WorkflowInput {
  std::string name;
  std::optional<std::string> default_json{};  // none: it must be given
};

struct Workflow {
  std::vector<WorkflowInput> inputs;
  std::vector<WorkflowNode> nodes;
  NamedSources outputs;
};

// One that somebody keeps. Its definition is in immutable versions 1, 2, 3 ...; name and
// description belong to the workflow itself.
struct KeptWorkflow {
  WorkflowId id{};
  std::string user;
  std::string name;
  std::string description;
  int version = 1;              // the one asked for, else the latest
  std::string definition_json;  // members inputs, nodes and outputs, the bytes they came in
  base::TimePoint created_at{};
  base::TimePoint updated_at{};
};

}  // namespace mecapy::model
