// What is to be done next of a workflow that runs: a pure function of what is known of it and what
// has happened. Knows of no database, no run and no clock; whoever asks does the actions, and keeps
// the state with them.
//
//   waiting --> reading --> running --> completed | failed | skipped
//                  \--> completed (an empty list) | failed | skipped
//
// A node begins once all it needs is completed. Reading is the asker's: with the results at hand it
// looks at `when` and at the length of the list, and says what it found (Read). Then runs are begun
// in the order of elements, as many at a time as there is room for; nodes take turns.
//
// Actions may be lost behind the state that asked for them: `again` tells them once more. Each
// names what it is of, a node or an element, so that whoever is asked twice does it once; and an
// event that comes twice counts once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "model/workflow.h"
#include "model/workflow_run.h"
#include "workflow/graph.h"

namespace mecapy::workflow {

using model::NodeState;
using model::NodeStatus;
using State = model::WorkflowState;
using Status = model::WorkflowStatus;

// ---- what happens

struct Begun {};
// A node was read: it is wanted, and has so many elements (1 where there is no list).
struct Read {
  std::size_t node;
  std::size_t elements;
};
struct NotWanted {  // `when` is false
  std::size_t node;
};
struct Unreadable {  // what it needs is not in the results, or is of another kind
  std::size_t node;
};
// A run ended, for the last time; or its result is known of an earlier one.
struct Ended {
  std::size_t node;
  std::size_t element;
  bool failed = false;
};
struct CancelAsked {};
using Event = std::variant<Begun, Read, NotWanted, Unreadable, Ended, CancelAsked>;

// ---- what is to be done

struct ReadNode {
  std::size_t node;
};
// Runs of elements [first, first + count).
struct BeginRuns {
  std::size_t node;
  std::size_t first;
  std::size_t count;
};
struct CancelRuns {};  // all that have begun and not ended
struct Finish {
  Status status;  // completed, failed or cancelled
};
using Action = std::variant<ReadNode, BeginRuns, CancelRuns, Finish>;

// What an engine knows of a definition.
class Plan {
 public:
  // The definition has no problems (check.h).
  explicit Plan(const model::Workflow& definition);

  State start() const;
  // Changes `state` by `event`. An event that the state knows already, or that comes too late,
  // changes nothing and asks for nothing. `width`: runs at a time; what runs is let run when there
  // is less room than before.
  std::vector<Action> step(State& state, const Event& event, std::size_t width) const;
  // All actions that `state` has asked for and whose event has not come.
  std::vector<Action> again(const State& state) const;
  // How an ended workflow is taken up: what is completed stays, but for what `changed` names and
  // all that needs it; the rest is waiting.
  State resumed(const State& ended, const std::vector<std::size_t>& changed) const;

 private:
  void settle(State& state, std::size_t width, std::vector<Action>& actions) const;
  bool pass_on(State& state, std::vector<Action>& actions) const;
  void begin_runs(State& state, std::size_t width, std::vector<Action>& actions) const;
  void read(State& state, const Read& event) const;
  void end(State& state, const Ended& event) const;
  void fail(State& state, std::size_t node) const;
  void finish(State& state, Status status, std::vector<Action>& actions) const;

  Graph graph_;
  std::vector<model::OnError> on_error_;
  std::vector<bool> is_list_;
};

}  // namespace mecapy::workflow
