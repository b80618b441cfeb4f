// What processes tell each other of runs: two feeds, each with a relay, on the Redis of
// tools/services.sh.
#include "feed/relay.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <map>
#include <vector>

#include "base/id.h"
#include "base/test_services.h"
#include "feed/test_relay.h"

namespace mecapy::feed {
namespace {

using model::RunId;
using model::RunStatus;

// Counts the bytes that go over a channel, by the kind of message.
struct Listener {
  explicit Listener(boost::asio::io_context& loop)
      : client(loop.get_executor(), redis::parse_address(base::of_service("redis")).value()) {}
  redis::Client client;
  bool there = false;
  std::map<std::string, std::size_t> bytes, messages;

  static boost::asio::awaitable<void> listen(std::shared_ptr<Listener> self, std::string channel) {
    redis::Command subscribe{"SUBSCRIBE", std::move(channel)};
    (void)co_await self->client.call(std::move(subscribe), base::after(std::chrono::seconds(5)));
    self->there = true;
    while (true) {
      const auto message = co_await self->client.next_message(base::after(std::chrono::hours(1)));
      if (!message) co_return;
      const std::string& text = message->list.at(2).text;  // ORIGIN KIND ...
      const std::size_t begin = text.find(' ') + 1;
      const std::string kind = text.substr(begin, text.find(' ', begin) - begin);
      self->bytes[kind] += text.size();
      ++self->messages[kind];
    }
  }
};

// Processes that share a channel, all on one thread.
class RelayTest : public testing::Test {
 protected:
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

  std::shared_ptr<Listener> listen() {
    auto listener = std::make_shared<Listener>(loop_);
    boost::asio::co_spawn(loop_, Listener::listen(listener, prefix_ + ":feed"),
                          boost::asio::detached);
    EXPECT_TRUE(eventually([&] { return listener->there; }));
    return listener;
  }

  // Says `texts` as other processes do.
  void say(const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      redis::Command publish{"PUBLISH", prefix_ + ":feed", "stranger " + text};
      boost::asio::co_spawn(
          loop_, stranger_.call(std::move(publish), base::after(std::chrono::seconds(5))),
          boost::asio::detached);
    }
  }

  std::string prefix_ = "mecapy:test-" + base::random_hex(8);
  boost::asio::io_context loop_;
  Process one_{loop_, prefix_};
  Process two_{loop_, prefix_};
  redis::Client stranger_{loop_.get_executor(),
                          redis::parse_address(base::of_service("redis")).value()};
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
  here->add_log(1, std::string(600'000, 'x'));  // more than one message of it
  here->set_progress(1, R"({"fraction":0.5})");
  const auto there = two_.feed.watch(id_);
  EXPECT_TRUE(eventually(
      [&] { return there->state().log.size() == 600'000 && !there->state().progress.empty(); }));
  here->add_log(1, "and\nmore \xc3\xa9");
  here->set_progress(1, R"({"fraction":0.75})");
  EXPECT_TRUE(eventually([&] {
    return there->state().log.ends_with("and\nmore \xc3\xa9") &&
           there->state().progress == R"({"fraction":0.75})";
  }));
}

TEST_F(RelayTest, AWatcher_IsToldFirstHowLongTheLogIs) {
  const auto here = one_.feed.open(id_);
  here->set_status(RunStatus::running, 1);
  here->add_log(1, std::string(600'000, 'x'));
  const auto there = two_.feed.watch(id_);
  EXPECT_TRUE(
      eventually([&] { return there->state().answers > 0 || !there->state().log.empty(); }));
  EXPECT_EQ(there->state().log_size, 600'000U);
  EXPECT_FALSE(there->state().here);
  EXPECT_TRUE(eventually([&] { return there->state().log.size() == 600'000; }));
}

TEST_F(RelayTest, WatchersWhoComeAndGo_HaveTheLogToldOnce) {
  const auto here = one_.feed.open(id_);
  here->set_status(RunStatus::running, 1);
  here->add_log(1, std::string(600'000, 'x'));
  const auto listener = listen();
  for (int i = 0; i < 50; ++i) {
    two_.feed.watch(id_);
    loop_.restart();
    loop_.run_for(std::chrono::milliseconds(10));
  }
  const auto there = two_.feed.watch(id_);
  EXPECT_TRUE(eventually([&] { return there->state().log.size() == 600'000; }));
  EXPECT_LT(listener->bytes["L"], 700'000U);
}

TEST_F(RelayTest, ManyProcessesThatAskAtOnce_AreAnsweredTogether) {
  const auto here = one_.feed.open(id_);
  here->set_status(RunStatus::running, 1);
  here->add_log(1, std::string(100'000, 'x'));
  const auto listener = listen();
  say(std::vector<std::string>(500, "W " + id_.str() + " 0 0"));
  say({"C " + id_.str()});
  EXPECT_TRUE(eventually([&] { return !one_.cancelled.empty(); }));  // all were heard
  here->add_log(1, "end");
  const auto there = two_.feed.watch(id_);
  EXPECT_TRUE(eventually([&] { return there->state().log.ends_with("end"); }));
  EXPECT_LT(listener->bytes["L"], 50 * 100'000U);
}

TEST_F(RelayTest, WhatARunHereSays_IsAskedOfNobody) {
  const auto listener = listen();
  const auto here = one_.feed.open(id_);
  here->set_status(RunStatus::running, 1);
  EXPECT_EQ(one_.feed.watch(id_), here);
  EXPECT_TRUE(here->state().here);
  one_.feed.cancel_elsewhere(id_);
  EXPECT_TRUE(eventually([&] { return listener->messages["C"] == 1; }));
  EXPECT_EQ(listener->messages["W"], 0U);
}

// A Redis that takes all and answers nothing.
TEST_F(RelayTest, WhatRedisIsSlowToTake_DoesNotPileUp) {
  namespace asio = boost::asio;
  using asio::ip::tcp;
  tcp::acceptor acceptor(loop_, {asio::ip::address_v4::loopback(), 0});
  std::size_t taken = 0;
  const auto take = [&taken](tcp::socket socket) -> asio::awaitable<void> {
    std::string bytes(1 << 20, '\0');
    while (true) taken += co_await socket.async_read_some(asio::buffer(bytes), asio::use_awaitable);
  };
  acceptor.async_accept([&](boost::system::error_code, tcp::socket first) {
    asio::co_spawn(loop_, take(std::move(first)), asio::detached);
    acceptor.async_accept([&](boost::system::error_code, tcp::socket second) {
      asio::co_spawn(loop_, take(std::move(second)), asio::detached);
    });
  });
  Feed feed(loop_.get_executor());
  RelayOptions options;
  options.address.host = "127.0.0.1";
  options.address.port = acceptor.local_endpoint().port();
  options.origin = base::make_uuid7();
  const Relay relay(loop_.get_executor(), feed, std::move(options));
  for (int i = 0; i < 100'000; ++i) feed.cancel_elsewhere(id_);
  EXPECT_TRUE(eventually([&] { return taken > 500'000; }));
  loop_.run_for(std::chrono::milliseconds(500));
  EXPECT_LT(taken, 4'000'000U);
}

TEST_F(RelayTest, TheNextAttempt_BeginsItsLogAnew) {
  const auto here = one_.feed.open(id_);
  const auto there = two_.feed.watch(id_);
  here->set_status(RunStatus::running, 1);
  here->add_log(1, "first");
  EXPECT_TRUE(eventually([&] { return there->state().log == "first"; }));
  here->set_status(RunStatus::queued, 1);
  here->set_status(RunStatus::running, 2);
  here->add_log(2, "second");
  EXPECT_TRUE(eventually([&] { return there->state().log == "second"; }));
  EXPECT_EQ(there->state().attempt, 2);
}

TEST_F(RelayTest, WhatNobodyWatches_IsNotToldButItsStatus) {
  const auto here = one_.feed.open(id_);
  const auto there = two_.feed.open(id_);
  here->set_status(RunStatus::running, 1);
  here->add_log(1, "nobody's");
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

// The log of a run is recorded where it runs.
TEST_F(RelayTest, WhatOthersSayOfARunHere_IsNotTaken) {
  const auto here = one_.feed.open(id_);
  here->set_status(RunStatus::running, 1);
  here->add_log(1, "own");
  const std::string about = " " + id_.str() + " 1 ";
  say({"L" + about + "0 forged", "L" + about + "3 forged", "N" + about + "1000", "P" + about + "{}",
       "S" + about + "failed", "C " + id_.str()});
  EXPECT_TRUE(eventually([&] { return !one_.cancelled.empty(); }));  // all were heard
  EXPECT_EQ(here->state().log, "own");
  EXPECT_EQ(here->state().log_size, 0U);
  EXPECT_EQ(here->state().progress, "");
  EXPECT_EQ(here->state().status, RunStatus::running);
}

TEST_F(RelayTest, MoreLogThanARunCanHave_IsNotHeard) {
  const auto there = two_.feed.watch(id_);
  const std::string about = " " + id_.str() + " 1 ";
  const std::string half(512 * 1024, 'x');
  say({"S" + about + "running", "L" + about + "0 " + half, "L" + about + "524288 " + half + "y",
       "L" + about + "1048576 y", "L" + about + "1048577 y", "P" + about + "{}"});
  EXPECT_TRUE(eventually([&] { return !there->state().progress.empty(); }));  // all were heard
  EXPECT_EQ(there->state().log, half + half);
}

TEST_F(RelayTest, MessagesThatAreNone_ChangeNothing) {
  const auto there = two_.feed.watch(id_);
  const std::string id = id_.str();
  say({"", "X", "S " + id, "S " + id + " x running", "S " + id + " 1 odd",
       "L " + id + " 1 99999999999999999999 x", "L " + id + " 1 5 gap", "L none 1 0 x",
       "N " + id + " 1 x", "N " + id + " 1", "P " + id + " 1 {no json", "C", "W", "W none 1 0",
       std::string(1000, ' ')});
  const auto here = one_.feed.open(id_);
  EXPECT_TRUE(eventually([&] { return there->state().status == RunStatus::running; },
                         [&] { here->set_status(RunStatus::running, 1); }));
  EXPECT_EQ(there->state().log, "");
  EXPECT_EQ(there->state().progress, "");
  EXPECT_TRUE(two_.cancelled.empty());
}

}  // namespace
}  // namespace mecapy::feed
