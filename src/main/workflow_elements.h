// The elements of a node of a workflow's run, one by one.
#pragma once

#include <cstdint>
#include <string>

#include "main/remote.h"

namespace mecapy::main {

// Which of them are shown.
struct ElementsWords {
  std::string run;  // of a workflow, as it was typed
  std::string node;
  std::int64_t most = 0;  // 0: all
};

// Prints a table of the node's runs, of a list those of its elements: those that failed first, with
// code and message. As JSON an array of the API's NodeRun. invalid_fields, with the nearest name,
// for a node that is none.
awaitable<Result<int>> show_elements(Remote& remote, ElementsWords which);

}  // namespace mecapy::main
