// Calls of one machine that are held where the objects are asked, while others of it go on.
#include "home/home.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <deque>

#include "base/id.h"
#include "base/sha256.h"
#include "base/test_await.h"
#include "base/test_folder.h"
#include "home/test_gate.h"
#include "net/test_exchange.h"
#include "store/test_run.h"

namespace mecapy::home {
namespace {

namespace asio = boost::asio;
using base::await;
using std::chrono::minutes;
using std::chrono::seconds;

const std::string kEnd = R"({"type":"end","status":"completed","result":1})";

// A run on a machine that has called home for it.
class HomeTest : public testing::Test {
 protected:
  HomeTest() {
    auto [task, run] = store::test_run();
    run.backend = model::kDedicated;
    run_ = run.id;
    EXPECT_TRUE(await(store_->submit_ad_hoc(std::move(task), std::move(run), std::nullopt)));
    model::Machine machine;
    machine.id = model::MachineId::make();
    machine.run_id = run_;
    machine.placer = "test";
    machine.type = "small";
    machine.token_hash = base::sha256_hex(token_);
    EXPECT_TRUE(
        *await(store_->machines().intend({machine, "me", minutes(1), minutes(5), minutes(9)})));
    using model::MachineState;
    for (const auto& [from, to] : {std::pair(MachineState::intended, MachineState::placing),
                                   std::pair(MachineState::placing, MachineState::booting)}) {
      EXPECT_TRUE(*await(store_->machines().change({machine.id, "me", from, to, {}, {}})));
    }
    EXPECT_EQ(finish(begin("POST", "/home/job", {{"taker", "w"}})).status, 200);
  }

  net::FakeExchange& begin(std::string method, std::string path,
                           std::multimap<std::string, std::string> query, std::string body = {}) {
    net::Request request{std::move(method), std::move(path),
                         std::move(query),  {{"Authorization", "Bearer " + token_}},
                         std::move(body),   "id"};
    net::FakeExchange& exchange = exchanges_.emplace_back(std::move(request));
    asio::co_spawn(io_, home_->handle(exchange), asio::detached);
    return exchange;
  }
  net::FakeExchange& begin_lines(std::string body) {
    return begin("POST", "/home/lines", {{"from", "0"}}, std::move(body));
  }
  net::FakeExchange& begin_put(std::string key, std::string body) {
    return begin("PUT", "/home/objects/" + std::move(key), {{"offset", "0"}, {"last", "1"}},
                 std::move(body));
  }
  template <class Condition>
  bool until(Condition condition) {
    const auto deadline = base::after(seconds(10));
    io_.restart();
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      io_.run_one_until(deadline);
    }
    return condition();
  }
  bool until_held(Step step) {
    return until([&] { return objects_.held(step); });
  }
  net::Response finish(net::FakeExchange& exchange) {
    EXPECT_TRUE(until([&] { return exchange.answer.has_value(); }));
    return exchange.answer.value_or(net::Response{.status = 0});
  }
  bool is_there(const std::string& key) {
    return await(folder_objects_->stat(key, base::after(minutes(1)))).has_value();
  }
  model::RunStatus status() { return await(store_->get_run("u", run_))->status; }
  // A checkpoint of `bytes` that is kept with the run.
  std::string keep_checkpoint(const std::string& bytes) {
    const std::string key = "checkpoints/" + run_.str() + "/1";
    EXPECT_EQ(finish(begin_put(key, bytes)).status, 200);
    model::Checkpoint saved{.number = 1, .size = static_cast<std::int64_t>(bytes.size())};
    saved.sha256 = base::sha256_hex(bytes);
    EXPECT_EQ(finish(begin_lines(wire::checkpoint_line(saved))).status, 200);
    return key;
  }

  const std::string token_ = base::random_hex(32);
  model::RunId run_;
  std::deque<net::FakeExchange> exchanges_;
  base::TestFolder folder_;
  // As in the server: what waits in the loop goes last.
  asio::io_context io_{1};
  std::unique_ptr<store::Store> store_ =
      store::open_sqlite(folder_.path("db"), std::make_shared<base::SystemClock>()).value();
  std::unique_ptr<objects::ObjectStore> folder_objects_ =
      objects::open_folder(folder_.path("objects")).value();
  GatedObjects objects_{io_, *folder_objects_};
  feed::Feed feed_{io_.get_executor()};
  std::unique_ptr<Home> home_ = std::make_unique<Home>(*store_, objects_, feed_, Options{});
};

// Held at one step of writing an object.
class APieceInFlight : public HomeTest, public testing::WithParamInterface<Step> {};

INSTANTIATE_TEST_SUITE_P(Home, APieceInFlight,
                         testing::Values(Step::create, Step::append, Step::commit));

TEST_P(APieceInFlight, IsLostWhenTheEndIsRecordedMeanwhile) {
  const std::string key = "artifacts/" + run_.str() + "/late.bin";
  objects_.hold(GetParam());
  net::FakeExchange& piece = begin_put(key, "late");
  ASSERT_TRUE(until_held(GetParam()));
  EXPECT_NE(finish(begin_lines(kEnd)).body.find(R"("recorded":true)"), std::string::npos);
  objects_.let_go(GetParam());
  EXPECT_EQ(finish(piece).status, 409);
  EXPECT_EQ(status(), model::RunStatus::completed);
  EXPECT_FALSE(is_there(key));
}

// The attempt is over as soon as its end is kept, however long its checkpoint takes to remove.
TEST_P(APieceInFlight, IsLostWhileTheCheckpointOfTheEndedRunIsRemoved) {
  const std::string checkpoint = keep_checkpoint("state");
  const std::string key = "artifacts/" + run_.str() + "/late.bin";
  objects_.hold(GetParam());
  net::FakeExchange& piece = begin_put(key, "late");
  ASSERT_TRUE(until_held(GetParam()));
  objects_.hold(Step::remove);
  net::FakeExchange& end = begin_lines(kEnd);
  ASSERT_TRUE(until_held(Step::remove));
  EXPECT_EQ(status(), model::RunStatus::completed);
  objects_.let_go(GetParam());
  if (GetParam() == Step::commit) {  // it is there, and is to be removed as well
    ASSERT_TRUE(until([&] { return objects_.held(Step::remove) == 2; }));
    objects_.let_go(Step::remove);
  }
  EXPECT_EQ(finish(piece).status, 409);
  objects_.let_go(Step::remove);
  EXPECT_EQ(finish(end).status, 200);
  EXPECT_FALSE(is_there(key));
  EXPECT_FALSE(is_there(checkpoint));
}

// What it waits in is destroyed after the objects.
TEST_P(APieceInFlight, MayOutliveHomeAndTheObjects) {
  objects_.hold(GetParam());
  begin_put("artifacts/" + run_.str() + "/a.bin", "unfinished");
  EXPECT_TRUE(until_held(GetParam()));
}

TEST_F(HomeTest, AskingForALinkWhileTheEndIsRecordedIsLost) {
  const std::string key = "artifacts/" + run_.str() + "/a.bin";
  ASSERT_EQ(finish(begin_put(key, "whole")).status, 200);
  objects_.hold(Step::stat);
  net::FakeExchange& asking =
      begin("POST", "/home/objects/" + key, {{"size", "5"}, {"sha256", base::sha256_hex("whole")}});
  ASSERT_TRUE(until_held(Step::stat));
  EXPECT_EQ(finish(begin_lines(kEnd)).status, 200);
  objects_.let_go(Step::stat);
  EXPECT_EQ(finish(asking).status, 409);
}

TEST_F(HomeTest, AnEndWaitsForTheLinesThatAreBeingTaken) {
  const std::string key = "checkpoints/" + run_.str() + "/1";
  ASSERT_EQ(finish(begin_put(key, "state")).status, 200);
  objects_.hold(Step::stat);
  const model::Checkpoint saved{.number = 1, .size = 5, .sha256 = base::sha256_hex("state")};
  net::FakeExchange& lines =
      begin_lines(wire::checkpoint_line(saved) + wire::log_line("after it\n"));
  ASSERT_TRUE(until_held(Step::stat));
  EXPECT_EQ(finish(begin_lines(kEnd)).status, 429);
  EXPECT_EQ(status(), model::RunStatus::running);
  objects_.let_go(Step::stat);
  EXPECT_NE(finish(lines).body.find(R"("log":9)"), std::string::npos);
  EXPECT_EQ(finish(begin_lines(kEnd)).status, 200);
  EXPECT_EQ(status(), model::RunStatus::completed);
  EXPECT_FALSE(is_there(key));
}

TEST_F(HomeTest, OfTwoEndsAtOnceTheFirstIsTaken) {
  const std::string key = "results/" + run_.str() + ".json";
  ASSERT_TRUE(await(folder_objects_->put(key, "1", base::after(minutes(1)))));
  objects_.hold(Step::stat);
  net::FakeExchange& first =
      begin_lines(R"({"type":"end","status":"completed","result_key":")" + key + R"("})");
  ASSERT_TRUE(until_held(Step::stat));
  EXPECT_EQ(finish(begin_lines(kEnd)).status, 429);
  objects_.let_go(Step::stat);
  EXPECT_EQ(finish(first).status, 200);
  EXPECT_EQ(await(store_->get_run("u", run_))->end.result.key, key);
}

}  // namespace
}  // namespace mecapy::home
