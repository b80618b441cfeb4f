// The engine on thousands of random graphs, in random orders of events, with crashes between any
// two actions.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "workflow/engine.h"

namespace mecapy::workflow {
namespace {

// So many of each property, unless somebody asks for others.
const int kGraphs = ::setenv("RC_PARAMS", "max_success=20000", 0);

enum class Reading { single, list, not_wanted, unreadable };

// What a node turns out to be, once it is asked.
struct Nature {
  std::vector<std::size_t> needs;
  model::OnError on_error = model::OnError::fail;
  Reading reading = Reading::single;
  std::size_t elements = 1;
  std::set<std::size_t> fails;  // elements
};
struct Case {
  std::vector<Nature> nodes;
  std::size_t width = 1;
};

void showValue(const Case& from, std::ostream& out) {
  out << "width " << from.width;
  for (std::size_t i = 0; i < from.nodes.size(); ++i) {
    const Nature& node = from.nodes[i];
    out << "\n"
        << i << ": on_error " << static_cast<int>(node.on_error) << ", reading "
        << static_cast<int>(node.reading) << ", " << node.elements << " elements, fail:";
    for (const std::size_t element : node.fails) out << " " << element;
    out << ", needs:";
    for (const std::size_t need : node.needs) out << " " << need;
  }
}

// RapidCheck begins with small cases, in which every number of a range is its least.
template <class T>
rc::Gen<T> any_of(T least, T end) {
  return rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(least, end));
}

rc::Gen<Nature> nature_before(std::size_t place) {
  return rc::gen::exec([place] {
    Nature nature;
    for (std::size_t i = 0; i < place; ++i) {
      if (*any_of(0, 3) == 0) nature.needs.push_back(i);
    }
    nature.on_error = *rc::gen::weightedElement<model::OnError>(
        {{1, model::OnError::fail}, {2, model::OnError::skip}, {2, model::OnError::by_default}});
    nature.reading = *rc::gen::weightedElement<Reading>({{5, Reading::single},
                                                         {4, Reading::list},
                                                         {1, Reading::not_wanted},
                                                         {1, Reading::unreadable}});
    nature.elements = nature.reading == Reading::list ? *any_of<std::size_t>(0, 6) : 1;
    for (std::size_t i = 0; i < nature.elements; ++i) {
      if (*any_of(0, 6) == 0) nature.fails.insert(i);
    }
    return nature;
  });
}

// What is needed stands behind what needs it.
void turn_round(Case& made) {
  const std::size_t last = made.nodes.size() - 1;
  std::ranges::reverse(made.nodes);
  for (Nature& node : made.nodes) {
    for (std::size_t& need : node.needs) need = last - need;
  }
}

rc::Gen<Case> cases() {
  return rc::gen::exec([] {
    Case made;
    const std::size_t count = *rc::gen::inRange<std::size_t>(1, 11);
    for (std::size_t i = 0; i < count; ++i) made.nodes.push_back(*nature_before(i));
    if (*any_of(0, 2) == 0) turn_round(made);
    made.width = *any_of<std::size_t>(1, 6);
    return made;
  });
}

model::Workflow definition_of(const Case& from) {
  model::Workflow definition;
  for (std::size_t i = 0; i < from.nodes.size(); ++i) {
    model::WorkflowNode node{.name = "n" + std::to_string(i), .task = "t"};
    for (const std::size_t need : from.nodes[i].needs) {
      const std::string name = "n" + std::to_string(need);
      node.inputs.emplace_back(name, model::FromNode{name, ""});
    }
    if (from.nodes[i].reading == Reading::list) node.each = model::Constant{"[]"};
    node.on_error = from.nodes[i].on_error;
    definition.nodes.push_back(std::move(node));
  }
  return definition;
}

// ---- what must come out, if nobody stops it

NodeStatus after_failure(model::OnError on_error) {
  switch (on_error) {
    case model::OnError::fail:
      return NodeStatus::failed;
    case model::OnError::skip:
      return NodeStatus::skipped;
    case model::OnError::by_default:
      return NodeStatus::completed;
  }
  return NodeStatus::failed;
}

// One that runs is not known yet.
NodeStatus expected_of(const Case& from, std::size_t place, std::vector<NodeStatus>& known) {
  if (known[place] != NodeStatus::running) return known[place];
  const Nature& node = from.nodes[place];
  std::set<NodeStatus> needs;
  for (const std::size_t need : node.needs) needs.insert(expected_of(from, need, known));
  NodeStatus status = NodeStatus::completed;
  if (needs.contains(NodeStatus::skipped)) {
    status = NodeStatus::skipped;
  } else if (needs.contains(NodeStatus::failed) || needs.contains(NodeStatus::waiting)) {
    status = NodeStatus::waiting;
  } else if (node.reading == Reading::not_wanted) {
    status = NodeStatus::skipped;
  } else if (node.reading == Reading::unreadable) {
    status = after_failure(node.on_error);
  } else if (!node.fails.empty() &&
             (node.reading == Reading::single || node.on_error == model::OnError::fail)) {
    status = after_failure(node.on_error);
  }
  return known[place] = status;
}

std::vector<NodeStatus> expected(const Case& from) {
  std::vector<NodeStatus> known(from.nodes.size(), NodeStatus::running);
  for (std::size_t i = 0; i < known.size(); ++i) expected_of(from, i, known);
  return known;
}

// ---- who asks the engine: does its actions, dies between them, hears of ends

class Asker {
 public:
  explicit Asker(const Case& of)
      : case_(of),
        plan_(definition_of(of)),
        state_(plan_.start()),
        chance_(*rc::gen::noShrink(rc::gen::arbitrary<std::uint32_t>())) {}
  // Takes up what `ended` left; these nodes are not what they were.
  Asker(const Case& of, const State& ended, const std::vector<std::size_t>& changed = {})
      : Asker(of) {
    state_ = plan_.resumed(ended, changed);
  }

  // Until nothing is to be done any more.
  void play(bool with_crashes, bool with_cancel) {
    tell(Begun{});
    while (!todo_.empty() || !events_.empty()) {
      if (with_crashes && one_in(8)) {
        // What was asked for and not done is forgotten, and what was not heard: the state is kept.
        todo_.clear();
        events_.clear();
        for (Action& action : plan_.again(state_)) todo_.push_back(std::move(action));
      }
      if (with_cancel && one_in(20)) tell(CancelAsked{});
      const std::size_t choices = todo_.size() + events_.size();
      if (choices == 0) break;
      const std::size_t chosen = chance_() % choices;
      if (chosen < todo_.size()) {
        const Action action = todo_[chosen];
        todo_.erase(todo_.begin() + static_cast<std::ptrdiff_t>(chosen));
        act(action);
      } else {
        const auto it = events_.begin() + static_cast<std::ptrdiff_t>(chosen - todo_.size());
        const Event event = *it;
        if (!one_in(6)) events_.erase(it);  // else it comes again
        tell(event);
      }
    }
  }

  const State& state() const { return state_; }
  const std::vector<Status>& finishes() const { return finishes_; }
  const std::set<std::pair<std::size_t, std::size_t>>& runs() const { return runs_; }
  std::size_t most_at_once() const { return most_at_once_; }

 private:
  bool one_in(std::uint32_t count) { return chance_() % count == 0; }

  void tell(const Event& event) {
    const std::size_t width = 1 + chance_() % case_.width;
    for (Action& action : plan_.step(state_, event, width)) {
      if (const auto* finish = std::get_if<Finish>(&action)) finishes_.push_back(finish->status);
      if (const auto* runs = std::get_if<BeginRuns>(&action)) {
        for (const std::size_t need : case_.nodes[runs->node].needs) {
          RC_ASSERT(state_.nodes[need].status == NodeStatus::completed);
        }
        for (std::size_t i = runs->first; i < runs->first + runs->count; ++i) {
          RC_ASSERT(begun_.insert({runs->node, i}).second);
        }
        expect_turns(runs->node);
      }
      todo_.push_back(std::move(action));
    }
    std::size_t at_once = 0;
    for (const NodeState& node : state_.nodes) at_once += node.open.size();
    most_at_once_ = std::max(most_at_once_, at_once);
  }

  // Where a node was given runs, no other that wants one has fewer, but for one.
  void expect_turns(std::size_t given) const {
    for (const NodeState& node : state_.nodes) {
      if (node.status != NodeStatus::running || node.begun == node.elements) continue;
      RC_ASSERT(node.open.size() + 1 >= state_.nodes[given].open.size());
    }
  }

  void act(const Action& action) {
    if (const auto* read = std::get_if<ReadNode>(&action)) {
      const Nature& nature = case_.nodes[read->node];
      switch (nature.reading) {
        case Reading::not_wanted:
          events_.emplace_back(NotWanted{read->node});
          break;
        case Reading::unreadable:
          events_.emplace_back(Unreadable{read->node});
          break;
        default:
          events_.emplace_back(Read{read->node, nature.elements});
      }
    } else if (const auto* runs = std::get_if<BeginRuns>(&action)) {
      for (std::size_t i = runs->first; i < runs->first + runs->count; ++i) {
        runs_.insert({runs->node, i});  // who is asked again runs it once, and tells its end again
        events_.emplace_back(Ended{runs->node, i, case_.nodes[runs->node].fails.contains(i)});
      }
    }
  }

  const Case& case_;
  Plan plan_;
  State state_;
  std::mt19937 chance_;
  std::deque<Action> todo_;
  std::vector<Event> events_;
  std::set<std::pair<std::size_t, std::size_t>> runs_;
  std::set<std::pair<std::size_t, std::size_t>> begun_;  // as steps asked for
  std::vector<Status> finishes_;
  std::size_t most_at_once_ = 0;
};

void judge(const Case& from, const Asker& asker, bool cancelled) {
  RC_ASSERT(asker.finishes().size() == 1U);
  RC_ASSERT(asker.finishes().front() == asker.state().status);
  RC_ASSERT(asker.most_at_once() <= from.width);
  for (const NodeState& node : asker.state().nodes) {
    RC_ASSERT(node.open.size() == 0U);
    RC_ASSERT(node.status != NodeStatus::running);
    RC_ASSERT(node.status != NodeStatus::reading);
  }
  const std::vector<NodeStatus> must = expected(from);
  const bool fails = std::ranges::find(must, NodeStatus::failed) != must.end();
  if (asker.state().status == Status::cancelled) {
    RC_ASSERT(cancelled);
    return;
  }
  RC_ASSERT((asker.state().status == Status::failed) == fails);
  for (std::size_t i = 0; i < must.size(); ++i) {
    const NodeStatus is = asker.state().nodes[i].status;
    // One that failed stops others before their end.
    RC_ASSERT(is == must[i] || (fails && is == NodeStatus::waiting));
    if (is != NodeStatus::completed || from.nodes[i].reading == Reading::unreadable) continue;
    for (std::size_t element = 0; element < from.nodes[i].elements; ++element) {
      RC_ASSERT(asker.runs().contains({i, element}));
    }
  }
}

RC_GTEST_PROP(EngineProperty, EveryGraph_EndsOnceAsItMust, ()) {
  RC_ASSERT(kGraphs == 0);
  const Case from = *cases();
  Asker asker(from);
  asker.play(false, false);
  judge(from, asker, false);
}

RC_GTEST_PROP(EngineProperty, WithCrashesBetweenAnyTwoActions_Too, ()) {
  const Case from = *cases();
  Asker asker(from);
  asker.play(true, false);
  judge(from, asker, false);
}

RC_GTEST_PROP(EngineProperty, AndWithCancels, ()) {
  const Case from = *cases();
  Asker asker(from);
  asker.play(true, true);
  judge(from, asker, true);
}

Case without_failures(Case of) {
  for (Nature& node : of.nodes) {
    node.fails.clear();
    if (node.reading == Reading::unreadable) node.reading = Reading::single;
  }
  return of;
}

RC_GTEST_PROP(EngineProperty, WhatIsResumed_RepeatsNothingThatWasCompleted, ()) {
  const Case from = *cases();
  Asker first(from);
  first.play(true, true);
  const Case mended = without_failures(from);
  Asker second(mended, first.state());
  second.play(true, false);
  RC_ASSERT(second.state().status == Status::completed);
  const std::vector<NodeStatus> must = expected(mended);
  for (std::size_t i = 0; i < must.size(); ++i) {
    RC_ASSERT(second.state().nodes[i].status == must[i]);
  }
  for (const auto& [node, element] : second.runs()) {
    RC_ASSERT(first.state().nodes[node].status != NodeStatus::completed);
  }
}

// Nodes, and all that needs them.
std::set<std::size_t> with_followers(const Case& of, const std::vector<std::size_t>& nodes) {
  std::set<std::size_t> all(nodes.begin(), nodes.end());
  for (std::size_t before = 0; before != all.size();) {
    before = all.size();
    for (std::size_t i = 0; i < of.nodes.size(); ++i) {
      const auto& needs = of.nodes[i].needs;
      if (std::ranges::any_of(needs, [&](std::size_t need) { return all.contains(need); }))
        all.insert(i);
    }
  }
  return all;
}

// One that is resumed with nodes that are forced or have another version, is cancelled again, and
// is resumed once more.
RC_GTEST_PROP(EngineProperty, WhatIsChanged_IsDoneAnewWithAllThatNeedsIt_AndNothingElse, ()) {
  const Case failing = *cases();
  Asker first(failing);
  first.play(true, true);
  const Case from = without_failures(failing);
  std::vector<std::size_t> changed;
  for (std::size_t i = 0; i < from.nodes.size(); ++i) {
    if (*rc::gen::inRange(0, 4) == 0) changed.push_back(i);
  }
  const std::set<std::size_t> anew = with_followers(from, changed);
  Asker second(from, first.state(), changed);
  second.play(true, true);
  Asker third(from, second.state());
  third.play(true, false);
  RC_ASSERT(third.state().status == Status::completed);
  const std::vector<NodeStatus> must = expected(from);
  for (std::size_t i = 0; i < must.size(); ++i) {
    RC_ASSERT(third.state().nodes[i].status == must[i]);
    const bool stays = first.state().nodes[i].status == NodeStatus::completed && !anew.contains(i);
    const bool done = second.state().nodes[i].status == NodeStatus::completed;
    const std::size_t elements = must[i] == NodeStatus::completed ? from.nodes[i].elements : 0;
    for (std::size_t element = 0; element < elements; ++element) {
      const bool in_second = second.runs().contains({i, element});
      const bool in_third = third.runs().contains({i, element});
      RC_ASSERT(!stays || (!in_second && !in_third));
      RC_ASSERT(!done || !in_third);
      RC_ASSERT(stays || (done ? in_second : in_third));
    }
  }
}

}  // namespace
}  // namespace mecapy::workflow
