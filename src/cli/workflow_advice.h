// What to do about a run of a workflow that did not complete: lines that begin with "->".
#pragma once

#include <map>
#include <string>

namespace mecapy::cli {

// What a command was told of a workflow, as far as it was.
struct WorkflowAsked {
  std::string word{};  // the workflow or its file, as it was typed; ""
  // Of a file: by node the word for its task or, of code, where that is.
  std::map<std::string, std::string> tasks{};
};

// How it ended. Texts are a server's.
struct WorkflowEnded {
  std::string run_id;  // an id
  bool cancelled = false;
  std::string node{};       // that failed; ""
  std::string code{};       // why
  std::string own_limit{};  // the limit that it ran into, where the node sets that itself; ""
};

// Lines, ended and harmless: how it goes on. After a calculation's own failure its code is to be
// mended; what is wrong with inputs no resumption mends. What a server names so that a shell would
// take it for more than a word is left out of commands.
std::string workflow_advice(const WorkflowEnded& ended, const WorkflowAsked& asked);

// One line: how the elements of a node that failed are seen.
std::string elements_advice(const std::string& run_id, const std::string& node);

}  // namespace mecapy::cli
