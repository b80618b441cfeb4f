// What processes tell each other of runs: two feeds, each with a relay, on the Redis of
// tools/services.sh.
#include "feed/relay.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <vector>

#include "base/id.h"
#include "base/test_services.h"

namespace mecapy::feed {
namespace {

using model::RunId;
using model::RunStatus;

// Processes that share a channel, all on one thread.
class RelayTest : public testing::Test {
 protected:
  struct Process {
    Process(boost::asio::io_context& loop, const std::string& prefix) : feed(loop.get_executor()) {
      RelayOptions options;
      options.address = redis::parse_address(base::of_service("redis")).value();
      options.prefix = prefix;
      options.origin = base::make_uuid7();
      options.cancel = [this](const RunId& id) { cancelled.push_back(id); };
      relay = std::make_unique<Relay>(loop.get_executor(), feed, std::move(options));
    }
    Feed feed;
    std::vector<RunId> cancelled;
    std::unique_ptr<Relay> relay;
  };

  RelayTest() {
    // A subscription that is not there yet hears nothing: until both hear each other.
    const RunId hello = RunId::make();
    const auto there = two_.feed.open(hello);
    const auto back = one_.feed.open(hello);
    int attempt = 0;
    EXPECT_TRUE(eventually([&] { return there->state().attempt > 0; },
                           [&] { back->set_status(RunStatus::running, ++attempt); }));
    const RunId answer = RunId::make();
    const auto heard = one_.feed.open(answer);
    const auto said = two_.feed.open(answer);
    EXPECT_TRUE(eventually([&] { return heard->state().attempt > 0; },
                           [&] { said->set_status(RunStatus::running, ++attempt); }));
  }

  // Whether it holds within ten seconds; `again` is done a few times a second meanwhile.
  template <class Condition>
  bool eventually(
      Condition condition, const std::function<void()>& again = [] {}) {
    const base::Deadline deadline = base::after(std::chrono::seconds(10));
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      again();
      loop_.restart();
      loop_.run_for(std::chrono::milliseconds(50));
    }
    return true;
  }

  std::string prefix_ = "test-" + base::random_hex(8);
  boost::asio::io_context loop_;
  Process one_{loop_, prefix_};
  Process two_{loop_, prefix_};
  RunId id_ = RunId::make();
};

TEST_F(RelayTest, AnEndHere_IsHeardThere) {
  const auto there = two_.feed.open(id_);
  const auto here = one_.feed.open(id_);
  here->set_status(RunStatus::running, 2);
  EXPECT_TRUE(eventually([&] { return there->state().status == RunStatus::running; }));
  EXPECT_EQ(there->state().attempt, 2);
  here->set_status(RunStatus::completed, 2);
  EXPECT_TRUE(eventually([&] { return there->state().status == RunStatus::completed; }));
}

TEST_F(RelayTest, AWatcherWhoComesLate_HearsTheLogFromItsFirstByteAndTheLatestProgress) {
  const auto here = one_.feed.open(id_);
  here->set_status(RunStatus::running, 1);
  here->add_log(std::string(600'000, 'x'));  // more than one message of it
  here->set_progress(R"({"fraction":0.5})");
  const auto there = two_.feed.watch(id_);
  EXPECT_TRUE(eventually(
      [&] { return there->state().log.size() == 600'000 && !there->state().progress.empty(); }));
  here->add_log("and\nmore \xc3\xa9");
  here->set_progress(R"({"fraction":0.75})");
  EXPECT_TRUE(eventually([&] {
    return there->state().log.ends_with("and\nmore \xc3\xa9") &&
           there->state().progress == R"({"fraction":0.75})";
  }));
}

TEST_F(RelayTest, TheNextAttempt_BeginsItsLogAnew) {
  const auto here = one_.feed.open(id_);
  const auto there = two_.feed.watch(id_);
  here->set_status(RunStatus::running, 1);
  here->add_log("first");
  EXPECT_TRUE(eventually([&] { return there->state().log == "first"; }));
  here->set_status(RunStatus::queued, 1);
  here->set_status(RunStatus::running, 2);
  here->add_log("second");
  EXPECT_TRUE(eventually([&] { return there->state().log == "second"; }));
  EXPECT_EQ(there->state().attempt, 2);
}

TEST_F(RelayTest, WhatNobodyWatches_IsNotToldButItsStatus) {
  const auto here = one_.feed.open(id_);
  const auto there = two_.feed.open(id_);
  here->set_status(RunStatus::running, 1);
  here->add_log("nobody's");
  here->set_status(RunStatus::completed, 1);
  EXPECT_TRUE(eventually([&] { return there->state().status == RunStatus::completed; }));
  EXPECT_EQ(there->state().log, "");
}

TEST_F(RelayTest, ACancelHere_IsHeardThereAndNotHere) {
  one_.feed.cancel_elsewhere(id_);
  EXPECT_TRUE(eventually([&] { return !two_.cancelled.empty(); }));
  EXPECT_EQ(two_.cancelled, std::vector<RunId>{id_});
  EXPECT_TRUE(one_.cancelled.empty());
}

TEST_F(RelayTest, MessagesThatAreNone_ChangeNothing) {
  const auto there = two_.feed.watch(id_);
  redis::Client client(loop_.get_executor(),
                       redis::parse_address(base::of_service("redis")).value());
  const std::string id = id_.str();
  const std::vector<std::string> texts = {"",
                                          "X",
                                          "S " + id,
                                          "S " + id + " x running",
                                          "S " + id + " 1 odd",
                                          "L " + id + " 1 99999999999999999999 x",
                                          "L " + id + " 1 5 gap",
                                          "L none 1 0 x",
                                          "P " + id + " 1 {no json",
                                          "C",
                                          "W",
                                          std::string(1000, ' ')};
  for (const std::string& text : texts) {
    redis::Command publish{"PUBLISH", prefix_ + ":feed", "stranger " + text};
    boost::asio::co_spawn(loop_,
                          client.call(std::move(publish), base::after(std::chrono::seconds(5))),
                          boost::asio::detached);
  }
  const auto here = one_.feed.open(id_);
  EXPECT_TRUE(eventually([&] { return there->state().status == RunStatus::running; },
                         [&] { here->set_status(RunStatus::running, 1); }));
  EXPECT_EQ(there->state().log, "");
  EXPECT_EQ(there->state().progress, "");
  EXPECT_TRUE(two_.cancelled.empty());
}

}  // namespace
}  // namespace mecapy::feed
