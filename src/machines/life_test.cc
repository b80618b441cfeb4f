#include "machines/life.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <set>
#include <sstream>

namespace mecapy::machines {
namespace {

constexpr Event kEvents[] = {Event::begun,       Event::placed, Event::refused,  Event::left_behind,
                             Event::called_home, Event::silent, Event::vanished, Event::unwanted,
                             Event::outlived,    Event::cleared};

TEST(Life, EachStateKnowsAnEventOnce) {
  std::set<std::pair<MachineState, Event>> seen;
  for (const Transition& t : life_table()) {
    EXPECT_TRUE(seen.insert({t.from, t.event}).second) << name(t.event);
    EXPECT_LT(t.from, t.to) << name(t.event);  // a life never goes back
  }
}

TEST(Life, WhatTheKeeperAsksAbout_IsAnEventOfThatState) {
  for (const Question& question : questions()) {
    EXPECT_TRUE(next(question.state, question.event))
        << model::name(question.state) << ", " << name(question.event);
  }
}

TEST(Life, WhateverHappens_AMachineThatMayExistIsGoneOnlyOnceCleared) {
  std::mt19937 random(7);
  for (int life = 0; life < 2000; ++life) {
    MachineState state = MachineState::intended;
    bool asked_for = false, cleared = false;
    for (int i = 0; i < 60 && state != MachineState::gone; ++i) {
      const Event event = kEvents[random() % std::size(kEvents)];
      const auto transition = next(state, event);
      if (!transition) continue;
      asked_for = asked_for || transition->action == Action::place;
      cleared = event == Event::cleared;
      state = transition->to;
    }
    if (state == MachineState::gone) EXPECT_EQ(asked_for, cleared);
  }
}

TEST(Life, NoLongerWanted_EndsInEveryState) {
  for (const MachineState state : {MachineState::intended, MachineState::placing,
                                   MachineState::booting, MachineState::working}) {
    const auto transition = next(state, Event::unwanted);
    ASSERT_TRUE(transition) << model::name(state);
    EXPECT_GE(transition->to, MachineState::ending);
  }
}

TEST(Life, OnlyAMachineThatHasTheRun_PutsItBack) {
  for (const Transition& t : life_table()) {
    if (t.action == Action::put_back) EXPECT_EQ(t.from, MachineState::working);
  }
  EXPECT_EQ(next(MachineState::working, Event::vanished)->action, Action::put_back);
  EXPECT_EQ(next(MachineState::working, Event::outlived)->action, Action::put_back);
  EXPECT_FALSE(next(MachineState::ending, Event::called_home));
  EXPECT_FALSE(next(MachineState::gone, Event::begun));
}

TEST(Life, IsAsArchitectureShowsIt) {
  std::ifstream file(MECAPY_SOURCE "/ARCHITECTURE.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find("```mermaid\n" + life_diagram() + "```"), std::string::npos)
      << "the diagram is now:\n"
      << life_diagram();
}

}  // namespace
}  // namespace mecapy::machines
