// A worker elsewhere that does what a test says, on loopback.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <set>
#include <vector>

#include "backends/backend.h"
#include "base/test_await.h"
#include "base/test_folder.h"
#include "net/test_server.h"

namespace mecapy::backends {
namespace {

namespace asio = boost::asio;
using model::OutcomeCode;
using std::chrono::milliseconds;

constexpr const char* kDone = R"({"type":"end","status":"completed","result":1})"
                              "\n";

class Listener final : public Observer {
 public:
  void log(std::string_view text) override {
    if (throws) throw std::runtime_error("the listener fails");
    heard += text.size();
  }
  void progress(std::string_view) override {}
  std::size_t heard = 0;
  bool throws = false;
};

class Serverless : public testing::Test {
 protected:
  using Worker = std::function<awaitable<void>(net::Exchange&)>;

  Serverless() {
    server_ = net::listen_here(loop_, [this](net::Exchange& call) { return worker_(call); });
    options_.url = "http://127.0.0.1:" + std::to_string(server_->port());
    options_.patience = options_.patience_when_full = milliseconds(300);
    options_.backoff = milliseconds(1);
  }

  static awaitable<void> answer(net::Exchange& call, int status, std::string body) {
    net::Response response;
    response.status = status;
    response.body = std::move(body);
    co_await call.respond(std::move(response));
  }

  // The end of one attempt.
  model::RunEnd run() {
    const auto backend = make_serverless(options_, *objects_);
    return run_on(*backend);
  }
  model::RunEnd run_on(Backend& backend) {
    model::Job job;
    job.run_id = id_;
    job.inputs.inline_bytes = "{}";
    Cancellation cancellation;
    std::optional<model::RunEnd> end;
    asio::co_spawn(loop_, base::keep(backend.execute(job, nobody_, cancellation), end),
                   base::rethrow);
    loop_.restart();
    while (!end && loop_.run_one() > 0) {
    }
    const auto ready = base::await(backend.ready(base::after(milliseconds(0))));
    ready_ = ready.has_value();
    works_on_ = !ready && ready.error().code == ErrorCode::conflict;
    why_ = ready ? *ready : ready.error().message;
    return std::move(*end);
  }

  Result<model::Look> look() {
    const auto backend = make_serverless(options_, *objects_);
    std::optional<Result<model::Look>> look;
    asio::co_spawn(loop_,
                   base::keep(backend->check("code", base::after(std::chrono::minutes(1))), look),
                   base::rethrow);
    loop_.restart();
    while (!look && loop_.run_one() > 0) {
    }
    return std::move(*look);
  }

  asio::io_context loop_;
  base::TestFolder folder_;
  std::unique_ptr<objects::ObjectStore> objects_ =
      objects::open_folder(folder_.path("objects")).value();
  std::unique_ptr<net::HttpServer> server_;
  ServerlessOptions options_;
  model::RunId id_ = model::RunId::make();
  Worker worker_;
  Listener nobody_;
  bool ready_ = false;  // after the run
  bool works_on_ = false;
  std::string why_;  // it is not, or nobody knows
};

TEST_F(Serverless, WhoDoesNotAnswer_IsWaitedForLongerThanTheContainerMay) {
  options_.timeout = milliseconds(200);
  options_.margin = milliseconds(100);
  worker_ = [](net::Exchange& call) -> awaitable<void> { co_await call.wait_hangup(); };
  const auto begin = std::chrono::steady_clock::now();
  const model::RunEnd end = run();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(300));
  EXPECT_EQ(end.failure->code, OutcomeCode::worker_lost);
}

TEST_F(Serverless, ResultOfAnAnswerThatWasLost_IsFoundInTheObjects) {
  ASSERT_TRUE(base::await(objects_->put("results/" + id_.str() + ".json", "[7]",
                                        base::after(std::chrono::minutes(1)))));
  int calls = 0;
  worker_ = [&](net::Exchange& call) -> awaitable<void> {
    ++calls;
    co_await answer(call, 504, "late");
  };
  const model::RunEnd end = run();
  EXPECT_EQ(end.status, model::RunStatus::completed);
  EXPECT_EQ(end.result.inline_bytes, "[7]");
  EXPECT_EQ(calls, 1);
}

TEST_F(Serverless, ADamagedResultOfALostAnswer_IsNoResult) {
  ASSERT_TRUE(base::await(
      objects_->put("results/" + id_.str() + ".json", "[7", base::after(std::chrono::minutes(1)))));
  worker_ = [](net::Exchange& call) { return answer(call, 504, "late"); };
  EXPECT_EQ(run().failure->code, OutcomeCode::invalid_result);
}

TEST_F(Serverless, NoRoom_IsTriedAgainUntilThePatienceIsOver) {
  int calls = 0;
  worker_ = [&](net::Exchange& call) -> awaitable<void> {
    ++calls;
    co_await answer(call, 503, "full");
  };
  const model::RunEnd end = run();
  EXPECT_EQ(end.failure->code, OutcomeCode::backend_unavailable);
  EXPECT_EQ(end.failure->message, "the worker answered 503: full");
  EXPECT_GT(calls, 2);
  EXPECT_TRUE(ready_);  // somebody is there
}

TEST_F(Serverless, PausesAreDrawnFromARangeThatDoubles) {
  std::set<milliseconds> drawn;
  for (int i = 0; i < 100; ++i) drawn.insert(options_.draw(milliseconds(1'000)));
  EXPECT_GT(drawn.size(), 1U);  // a hundred alike of five hundred: never
  EXPECT_GE(*drawn.begin(), milliseconds(500));
  EXPECT_LE(*drawn.rbegin(), milliseconds(1'000));

  options_.backoff = milliseconds(1'000);
  std::vector<milliseconds> longest;
  options_.draw = [&](milliseconds pause) {
    longest.push_back(pause);
    return milliseconds(0);
  };
  int calls = 0;
  worker_ = [&](net::Exchange& call) -> awaitable<void> {
    const bool away = ++calls < 6;
    co_await answer(call, away ? 502 : 200, away ? "away" : kDone);
  };
  EXPECT_EQ(run().status, model::RunStatus::completed);
  EXPECT_EQ(longest, (std::vector{milliseconds(1'000), milliseconds(2'000), milliseconds(4'000),
                                  milliseconds(5'000), milliseconds(5'000)}));
}

TEST_F(Serverless, NobodyThere_IsTroubleUntilSomebodyIs) {
  const std::string there = options_.url;
  {
    const auto backend = make_serverless(options_, *objects_);
    const auto ready = base::await(backend->ready(base::after(milliseconds(0))));
    EXPECT_EQ(ready.value(), "nobody has called it yet");
  }
  options_.url = "http://127.0.0.1:9";
  EXPECT_EQ(run().failure->code, OutcomeCode::backend_unavailable);
  EXPECT_FALSE(ready_);
  options_.url = there;
  worker_ = [](net::Exchange& call) { return answer(call, 200, kDone); };
  EXPECT_EQ(run().status, model::RunStatus::completed);
  EXPECT_TRUE(ready_);
  EXPECT_EQ(why_, "");
}

TEST_F(Serverless, ARefusalOfTheCallItself_IsOurFaultAndIsNotRepeated) {
  int calls = 0;
  worker_ = [&](net::Exchange& call) -> awaitable<void> {
    ++calls;
    co_await answer(call, 400, "code is\n\x1b[1mwrong\xff");
  };
  const model::RunEnd end = run();
  EXPECT_EQ(end.failure->code, OutcomeCode::internal);
  EXPECT_EQ(end.failure->message, "the worker answered 400: code is");
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(ready_);
}

TEST_F(Serverless, AWorkerThatDoesNotTakeOurToken_IsOneThatNobodyReaches) {
  for (const int status : {401, 403}) {
    int calls = 0;
    worker_ = [&](net::Exchange& call) -> awaitable<void> {
      ++calls;
      co_await answer(call, status, R"({"title":"A valid bearer token is required"})");
    };
    const model::RunEnd end = run();
    EXPECT_EQ(end.failure->code, OutcomeCode::backend_unavailable);
    // Not the caller's token.
    EXPECT_EQ(end.failure->message.find("token"), std::string::npos) << end.failure->message;
    EXPECT_NE(end.failure->message.find("set-up"), std::string::npos) << end.failure->message;
    EXPECT_GT(calls, 2);
    EXPECT_FALSE(ready_);
    EXPECT_NE(why_.find(options_.url + ": it does not take our token: worker.token differs"),
              std::string::npos)
        << why_;
  }
}

TEST_F(Serverless, LimitsTheWorkerDoesNotAllow_AreNamedAsTheSettingsThatDiffer) {
  int calls = 0;
  worker_ = [&](net::Exchange& call) -> awaitable<void> {
    ++calls;
    co_await answer(call, 422,
                    R"({"code":"invalid_fields","detail":"some limits are out of range","errors":)"
                    R"([{"pointer":"/limits/memory_mb","detail":"2048 MiB is over"},)"
                    R"({"pointer":"/limits/cpus\u001b","detail":"4 is over"}]})");
  };
  const model::RunEnd end = run();
  EXPECT_EQ(end.failure->code, OutcomeCode::backend_unavailable);
  const std::string differ = "limits.max_memory_mb limits.max_cpus";
  EXPECT_NE(end.failure->message.find(differ), std::string::npos) << end.failure->message;
  EXPECT_EQ(calls, 1);  // it keeps its place from no other run
  EXPECT_TRUE(works_on_);
  EXPECT_NE(why_.find(options_.url + ": it allows less than this API: " + differ + " differ"),
            std::string::npos)
      << why_;
}

TEST_F(Serverless, ARunBeyondTheWorkersLimits_IsNoTroubleForOthersAndIsNamedForAWhile) {
  auto now = std::chrono::steady_clock::now();
  options_.now = [&now] { return now; };
  const auto backend = make_serverless(options_, *objects_);
  bool beyond = true;
  worker_ = [&](net::Exchange& call) {
    return beyond ? answer(call, 422, R"({"errors":[{"pointer":"/limits/cpus","detail":"4"}]})")
                  : answer(call, 200, kDone);
  };
  EXPECT_EQ(run_on(*backend).failure->code, OutcomeCode::backend_unavailable);
  EXPECT_FALSE(backend->in_trouble());
  beyond = false;
  EXPECT_EQ(run_on(*backend).status, model::RunStatus::completed);
  EXPECT_TRUE(works_on_);  // the set-up is as it was
  now += std::chrono::minutes(11);
  EXPECT_EQ(run_on(*backend).status, model::RunStatus::completed);
  EXPECT_TRUE(ready_);
  EXPECT_EQ(why_, "");
}

TEST_F(Serverless, ItsEnvironment_IsKnownForAWhileAfterARunHasToldIt) {
  auto now = std::chrono::steady_clock::now();
  options_.now = [&now] { return now; };
  const auto backend = make_serverless(options_, *objects_);
  std::string told = "old";
  worker_ = [&](net::Exchange& call) {
    return answer(
        call, 200,
        R"({"type":"end","status":"completed","result":1,"environment":")" + told + "\"}\n");
  };
  EXPECT_EQ(backend->environment(), "");
  EXPECT_TRUE(backend->would_tell());
  EXPECT_EQ(run_on(*backend).status, model::RunStatus::completed);
  EXPECT_EQ(backend->environment(), "old");
  now += std::chrono::minutes(9);
  EXPECT_EQ(backend->environment(), "old");
  EXPECT_FALSE(backend->would_tell());
  now += std::chrono::minutes(1);
  EXPECT_EQ(backend->environment(), "");  // another worker may be there now
  told = "new";
  EXPECT_EQ(run_on(*backend).status, model::RunStatus::completed);
  EXPECT_EQ(backend->environment(), "new");
}

TEST_F(Serverless, WhatElseIsUnprocessable_IsOurFault) {
  worker_ = [](net::Exchange& call) {
    return answer(call, 422, R"({"errors":[{"pointer":"/code","detail":"is no base64"}]})");
  };
  EXPECT_EQ(run().failure->code, OutcomeCode::internal);
}

TEST_F(Serverless, ObjectsOfAnotherRun_AreNotTaken) {
  worker_ = [](net::Exchange& call) {
    return answer(call, 200,
                  R"({"type":"end","status":"completed","result_key":"results/other.json"})");
  };
  EXPECT_EQ(run().failure->code, OutcomeCode::internal);
}

TEST_F(Serverless, MoreLogThanTheRunMayWrite_BreaksTheAnswerOff) {
  worker_ = [](net::Exchange& call) -> awaitable<void> {
    const auto lines = co_await call.start_stream({}, std::nullopt);
    const std::string line = R"({"type":"log","text":")" + std::string(100'000, 'x') + "\"}\n";
    while (co_await lines->write(line)) {
    }
  };
  EXPECT_EQ(run().failure->code, OutcomeCode::worker_lost);
  EXPECT_LE(nobody_.heard, 1024U * 1024);
}

TEST_F(Serverless, ALook_TellsTheFailureOrWhatIsKnown_OfASeedsWorkerNothing) {
  std::string line;
  worker_ = [&](net::Exchange& call) -> awaitable<void> {
    EXPECT_EQ(call.request().path, "/check");
    co_await answer(call, 200, line + "\n");
  };
  line = R"({"type":"end","status":"completed","result":{"imports":[],)"
         R"("inputs":[{"name":"force","required":true}],"results":["stress"]}})";
  const auto good = look();
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_FALSE(good->failure);
  EXPECT_EQ(good->facts.inputs->at(0).name, "force");
  EXPECT_EQ(good->facts.results, std::vector<std::string>{"stress"});
  line = R"({"type":"end","status":"completed","result":{"imports":[]}})";  // an older worker
  EXPECT_FALSE(look()->facts.inputs);
  line = R"({"type":"end","status":"completed","result":{"inputs":[1],"results":"x"}})";
  EXPECT_FALSE(look()->facts.inputs || look()->facts.results);
  line = R"({"type":"end","status":"failed","error":{"code":"invalid_code","message":"no"}})";
  EXPECT_EQ(look()->failure->message, "no");
  options_.contract = Contract::seed;
  worker_ = [](net::Exchange&) -> awaitable<void> { throw std::logic_error("it is not asked"); };
  EXPECT_FALSE(look()->failure || look()->facts.inputs);
}

TEST_F(Serverless, AnException_IsNotWaitedOutForEver) {
  nobody_.throws = true;
  worker_ = [](net::Exchange& call) {
    return answer(call, 200, "{\"type\":\"log\",\"text\":\"a\"}\n");
  };
  EXPECT_THROW(run(), std::runtime_error);
}

TEST_F(Serverless, AnAnswerThatIsNone_IsALostOne) {
  for (const char* body : {"", "<html>", "{}", "{\"type\":\"end\"}", "{\"type\":\"started\"}\n"}) {
    worker_ = [body](net::Exchange& call) { return answer(call, 200, body); };
    EXPECT_EQ(run().failure->code, OutcomeCode::worker_lost) << body;
  }
}

}  // namespace
}  // namespace mecapy::backends
