// The API before a real store, without a network: what runs on the event loop and what beside it,
// and how much of an answer it holds.
#include "api/api.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <fstream>
#include <future>

#include "api/routes.h"
#include "base/id.h"
#include "base/sha256.h"
#include "base/test_await.h"
#include "base/test_folder.h"
#include "net/test_exchange.h"
#include "wire/run_record.h"

namespace mecapy::api {
namespace {

namespace asio = boost::asio;
using base::await;
using net::FakeExchange;
using net::Streamed;

class Everybody final : public auth::Authenticator {
 public:
  Result<auth::Principal> check(std::optional<std::string_view>) const override {
    return auth::Principal{"ann"};
  }
};

// An API whose only thread beside the loop is taken until release().
// A site of one page.
std::shared_ptr<const Site> one_page(const std::string& folder) {
  std::filesystem::create_directory(folder);
  std::ofstream(folder + "/index.html") << "<h1>start</h1>";
  return std::make_shared<Site>(Site::open_folder(folder));
}

class ApiTest : public testing::Test {
 protected:
  ApiTest() {
    asio::post(threads_, [free = release_.get_future().share()] { free.wait(); });
  }
  ~ApiTest() override {
    if (!released_) release();
    threads_.join();
  }
  void release() {
    released_ = true;
    release_.set_value();
  }
  void begin(FakeExchange& exchange) {
    asio::co_spawn(io_, api_.handle(exchange), asio::detached);
    io_.restart();
    io_.poll();
  }

  void finish(FakeExchange& exchange) {
    begin(exchange);
    io_.restart();
    io_.run();
  }

  Result<model::Look> looked_ = model::Look();  // what a look at code gives
  int looks_ = 0;
  base::TestFolder folder_;
  std::shared_ptr<base::SystemClock> clock_ = std::make_shared<base::SystemClock>();
  asio::io_context io_{1};
  asio::thread_pool threads_{1};
  std::promise<void> release_;
  bool released_ = false;
  std::unique_ptr<store::Store> store_ = store::open_sqlite(folder_.path("db"), clock_).value();
  std::unique_ptr<objects::ObjectStore> objects_ =
      objects::open_folder(folder_.path("objects")).value();
  std::unique_ptr<queue::Queue> queue_ = queue::make_memory_queue(10, clock_);
  feed::Feed feed_{io_.get_executor()};
  std::unique_ptr<cache::Cache> cache_ = cache::make_memory_cache(1 << 20, clock_);
  Everybody everybody_;
  Api api_{{*store_, *queue_, *objects_, feed_, *cache_, everybody_, *clock_, threads_,
            [](const model::RunId&) {},
            [this](std::string, base::Deadline) -> awaitable<Result<model::Look>> {
              ++looks_;
              co_return looked_;
            },
            [] { return "3.11"; }, []() -> awaitable<Result<std::string>> { co_return ""; },
            [](const RouteQuestion&) -> Result<RouteAnswer> {
              return RouteAnswer{"local", "the only one", {}};
            }},
           {.site = one_page(folder_.path("site"))}};
};

TEST_F(ApiTest, APageOfTheDocumentsIsReadBesideTheLoop) {
  FakeExchange page("GET", "/docs/", "");
  begin(page);
  EXPECT_FALSE(page.streamed);  // it waits for the thread
  FakeExchange other("GET", "/health/live", "");
  begin(other);
  EXPECT_TRUE(other.answer);  // nobody waits for it
  release();
  io_.run();
  ASSERT_TRUE(page.streamed);
  EXPECT_EQ(page.streamed->body(), "<h1>start</h1>");
}

TEST_F(ApiTest, AServerThatShutsDownIsNotReady) {
  release();
  FakeExchange before("GET", "/health/ready", "");
  finish(before);
  EXPECT_EQ(before.answer->status, 200);
  EXPECT_NE(before.answer->body.find(R"("status":"ready")"), std::string::npos);
  api_.drain();
  FakeExchange after("GET", "/health/ready", "");
  finish(after);
  EXPECT_EQ(after.answer->status, 503);
  EXPECT_NE(after.answer->body.find(R"("accepting":{"status":"unavailable")"), std::string::npos)
      << after.answer->body;
}

// A completed run whose result and log are objects.
class LargeAnswers : public ApiTest {
 protected:
  static constexpr std::int64_t kLong = 3 * kLargePiece + 17;

  LargeAnswers() {
    model::Task task;
    task.id = model::TaskId::make();
    task.user = "ann";
    run_.id = model::RunId::make();
    run_.task_id = task.id;
    run_.user = "ann";
    const auto soon = base::after(std::chrono::minutes(1));
    end_.status = model::RunStatus::completed;
    end_.result.key = "results/" + run_.id.str() + ".json";
    end_.log.key = "logs/" + run_.id.str() + ".txt";
    end_.artifacts = {{"a.bin", kLong, "text/plain", base::sha256_hex(text_),
                       "artifacts/" + run_.id.str() + "/a"}};
    (void)await(store_->submit_ad_hoc(task, run_, std::nullopt)).value();
    for (const std::string& key : {end_.result.key, end_.log.key, end_.artifacts[0].key}) {
      EXPECT_TRUE(await(objects_->put(key, text_, soon)));
    }
    const store::Lease lease{run_.id, 1};
    EXPECT_TRUE(*await(store_->claim(run_.id, "here", std::chrono::hours(1))));
    EXPECT_TRUE(*await(store_->record_end(lease, end_)));
  }
  FakeExchange ask(const std::string& method, const std::string& what) {
    FakeExchange exchange(method, "/api/runs/" + run_.id.str() + what, "");
    finish(exchange);
    return exchange;
  }

  static std::int64_t largest_piece(const Streamed& streamed) {
    std::size_t largest = 0;
    for (const std::string& piece : streamed.pieces) largest = std::max(largest, piece.size());
    return static_cast<std::int64_t>(largest);
  }

  const std::string text_ = '"' + std::string(kLong - 2, 'x') + '"';
  model::Run run_;
  model::RunEnd end_;
};

TEST_F(LargeAnswers, ComePieceByPieceWithTheirLength) {
  for (const char* what : {"/logs", "/artifacts/a.bin", "/results"}) {
    const FakeExchange got = ask("GET", what);
    ASSERT_TRUE(got.streamed) << what;
    EXPECT_EQ(got.streamed->head.status, 200);
    EXPECT_EQ(got.streamed->length, static_cast<std::int64_t>(got.streamed->body().size()));
    EXPECT_LE(largest_piece(*got.streamed), kLargePiece) << what;
  }
  EXPECT_EQ(Routes::large_pieces(api_), 0);
}

TEST_F(LargeAnswers, WhereOthersHoldAllThatMayBeHeldComeInSmallPieces) {
  Routes::large_pieces(api_) = kLargePieces;
  const FakeExchange got = ask("GET", "/artifacts/a.bin");
  EXPECT_LE(largest_piece(*got.streamed), kPiece);
  EXPECT_EQ(got.streamed->body(), text_);
  EXPECT_EQ(Routes::large_pieces(api_), kLargePieces);
}

TEST_F(LargeAnswers, AreWhatWasKept) {
  EXPECT_EQ(ask("GET", "/logs").streamed->body(), text_);
  EXPECT_EQ(ask("GET", "/artifacts/a.bin").streamed->body(), text_);
  const auto run = await(store_->get_run("ann", run_.id));
  EXPECT_EQ(ask("GET", "/results").streamed->body(), wire::run_json(*run, text_));
}

TEST_F(LargeAnswers, ToHeadAreTheHeadAlone) {
  const std::size_t wrapped = ask("GET", "/results").streamed->body().size();
  const FakeExchange head = ask("HEAD", "/results");
  EXPECT_EQ(head.streamed->length, static_cast<std::int64_t>(wrapped));
  EXPECT_TRUE(head.streamed->pieces.empty());
}

// Whoever can write there, and knows how records are sealed, is not thereby shown others' objects.
TEST_F(LargeAnswers, OfARecordThatNamesObjectsOfAnotherRunAreNotGiven) {
  const std::string other = "logs/" + model::RunId::make().str() + ".txt";
  ASSERT_TRUE(await(objects_->put(other, "somebody's", base::after(std::chrono::minutes(1)))));
  model::Run record = await(store_->get_run("ann", run_.id)).value();
  record.end.artifacts.clear();  // of a name that no worker gives
  record.end.log = {"", other};
  const std::string place = "run:" + run_.id.str();
  cache_->put(place, wire::run_record(record), std::chrono::hours(1));
  FakeExchange got = ask("GET", "/logs");
  ASSERT_TRUE(got.streamed);
  EXPECT_EQ(got.streamed->body(), text_);
  record.end.log = {"kept", ""};  // it is the place that is looked at
  cache_->put(place, wire::run_record(record), std::chrono::hours(1));
  got = ask("GET", "/logs");
  ASSERT_TRUE(got.answer);
  EXPECT_EQ(got.answer->body, "kept");
}

TEST_F(LargeAnswers, WhoseObjectIsGoneAreErrors) {
  EXPECT_TRUE(await(objects_->remove(end_.result.key, base::after(std::chrono::minutes(1)))));
  const FakeExchange got = ask("GET", "/results");
  ASSERT_TRUE(got.answer);
  EXPECT_EQ(got.answer->status, 404);
  EXPECT_FALSE(got.streamed);
}

// A run of ann's that another process runs; what the API asks it is counted.
class RunsElsewhere : public ApiTest, public feed::Outlet {
 protected:
  RunsElsewhere() {
    release();
    model::Task task;
    task.id = model::TaskId::make();
    run_.id = model::RunId::make();
    run_.task_id = task.id;
    task.user = run_.user = "ann";
    (void)await(store_->submit_ad_hoc(task, run_, std::nullopt)).value();
    EXPECT_TRUE(*await(store_->claim(run_.id, "elsewhere", std::chrono::hours(1))));
    feed_.set_outlet(this);
  }
  FakeExchange get(const std::string& id, const std::string& what) {
    return FakeExchange("GET", "/api/runs/" + id + what, "");
  }
  // Lets the API do what it can without waiting, once the database has answered.
  template <class Condition>
  bool until(Condition condition) {
    const base::Deadline deadline = base::after(std::chrono::seconds(10));
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_for(std::chrono::milliseconds(5));
    }
    return condition();
  }

  // Once it was asked, the process that runs it tells "hello" of a log of 11 bytes. Null when
  // nobody asked.
  std::shared_ptr<feed::Channel> hear_half_of_the_log(FakeExchange& exchange) {
    begin(exchange);
    if (!until([&] { return asked_ > 0; })) return nullptr;
    auto channel = feed_.open(run_.id);
    channel->hear_status(model::RunStatus::running, 1);
    channel->hear_log_size(1, 11);
    channel->hear_log(1, 0, "hello");
    return channel;
  }
  // The run ends, and with it whatever waits for that.
  void end_it() {
    EXPECT_TRUE(*await(store_->record_end({run_.id, 1}, {.status = model::RunStatus::completed})));
    feed_.find(run_.id)->hear_status(model::RunStatus::completed, 1);
    io_.restart();
    io_.run();
  }

  void status_changed(const model::RunId&, const feed::Channel::State&) override {}
  void log_added(const model::RunId&, const feed::Channel::State&, std::string_view) override {}
  void progress_changed(const model::RunId&, const feed::Channel::State&) override {}
  void watched(const model::RunId&) override { ++asked_; }
  void cancel(const model::RunId&) override {}

  model::Run run_;
  int asked_ = 0;
};

TEST_F(RunsElsewhere, OfAnotherUserNobodyIsAsked) {
  model::Task task;
  model::Run other;
  task.id = model::TaskId::make();
  other.id = model::RunId::make();
  other.task_id = task.id;
  task.user = other.user = "eve";
  (void)await(store_->submit_ad_hoc(task, other, std::nullopt)).value();
  for (const char* what : {"/events", "/logs"}) {
    FakeExchange exchange = get(other.id.str(), what);
    finish(exchange);
    EXPECT_EQ(exchange.answer->status, 404) << what;
  }
  EXPECT_EQ(asked_, 0);
}

TEST_F(RunsElsewhere, EventsAskOnce) {
  FakeExchange exchange = get(run_.id.str(), "/events");
  begin(exchange);
  EXPECT_TRUE(until([&] { return exchange.streamed && !exchange.streamed->pieces.empty(); }));
  EXPECT_EQ(asked_, 1);
  end_it();
}

// Another process may have told it.
TEST_F(RunsElsewhere, ProgressOfSeveralLinesIsOneEvent) {
  FakeExchange exchange = get(run_.id.str(), "/events");
  begin(exchange);
  const auto told = [&] { return exchange.streamed->body(); };
  EXPECT_TRUE(until([&] { return exchange.streamed && !told().empty(); }));
  feed_.find(run_.id)->hear_status(model::RunStatus::running, 1);
  feed_.find(run_.id)->hear_progress(1, "{\r\n\"fraction\":\n\n0.5}");
  EXPECT_TRUE(until([&] { return told().find("event: progress") != std::string::npos; }));
  EXPECT_NE(told().find("\ndata: {  \"fraction\":  0.5}\n\n"), std::string::npos) << told();
  end_it();
}

TEST_F(RunsElsewhere, TheLogIsWaitedForUntilItIsWhole) {
  FakeExchange exchange = get(run_.id.str(), "/logs");
  const auto channel = hear_half_of_the_log(exchange);
  ASSERT_TRUE(channel);
  io_.restart();
  io_.run_for(std::chrono::milliseconds(200));
  EXPECT_FALSE(exchange.answer);
  channel->hear_log(1, 5, " world");
  ASSERT_TRUE(until([&] { return exchange.answer.has_value(); }));
  EXPECT_EQ(exchange.answer->status, 200);
  EXPECT_EQ(exchange.answer->body, "hello world");
}

TEST_F(RunsElsewhere, ALogThatDoesNotComeWholeIsAnError) {
  FakeExchange exchange = get(run_.id.str(), "/logs");
  const auto channel = hear_half_of_the_log(exchange);
  ASSERT_TRUE(channel);
  ASSERT_TRUE(until([&] { return exchange.answer.has_value(); }));
  EXPECT_EQ(exchange.answer->status, 503);
  EXPECT_GT(asked_, 1);  // an answer may have been lost
}

TEST_F(RunsElsewhere, TheLogOfOneThatEndsMeanwhileIsThatOfItsEnd) {
  FakeExchange exchange = get(run_.id.str(), "/logs");
  begin(exchange);
  ASSERT_TRUE(until([&] { return asked_ > 0; }));
  model::RunEnd end{.status = model::RunStatus::completed};
  end.log.inline_bytes = "all of it";
  EXPECT_TRUE(*await(store_->record_end({run_.id, 1}, end)));
  feed_.open(run_.id)->hear_status(model::RunStatus::completed, 1);
  ASSERT_TRUE(until([&] { return exchange.answer.has_value(); }));
  EXPECT_EQ(exchange.answer->status, 200);
  EXPECT_EQ(exchange.answer->body, "all of it");
}

// No process tells another of its runs: as with one database and no Redis.
TEST_F(RunsElsewhere, OfWhichNothingIsHeardHaveNoLogBeforeTheirEnd) {
  feed_.set_outlet(nullptr);
  FakeExchange exchange = get(run_.id.str(), "/logs");
  begin(exchange);
  ASSERT_TRUE(until([&] { return exchange.answer.has_value(); }));
  EXPECT_EQ(exchange.answer->status, 503);
  EXPECT_NE(exchange.answer->body.find("another process runs it"), std::string::npos);
  model::RunEnd end{.status = model::RunStatus::completed};
  end.log.inline_bytes = "all of it";
  EXPECT_TRUE(*await(store_->record_end({run_.id, 1}, end)));
  FakeExchange ended = get(run_.id.str(), "/logs");
  begin(ended);
  ASSERT_TRUE(until([&] { return ended.answer.has_value(); }));
  EXPECT_EQ(ended.answer->body, "all of it");
}

// Between the claim and the first word of the worker.
TEST_F(RunsElsewhere, ThatBeginHereAreWaitedFor) {
  feed_.set_outlet(nullptr);
  FakeExchange exchange = get(run_.id.str(), "/logs");
  begin(exchange);
  ASSERT_TRUE(until([&] { return feed_.find(run_.id) != nullptr; }));
  feed_.find(run_.id)->set_status(model::RunStatus::running, 1);
  ASSERT_TRUE(until([&] { return exchange.answer.has_value(); }));
  EXPECT_EQ(exchange.answer->status, 200);
}

class LooksAtCode : public ApiTest, public testing::WithParamInterface<const char*> {
 protected:
  net::Response post(const std::string& code) {
    FakeExchange exchange("POST", GetParam(), R"({"name":"a","code":")" + code + "\"}");
    finish(exchange);
    return exchange.answer.value();
  }
  bool keeps() const { return GetParam() == std::string("/api/tasks"); }
  int made() const { return keeps() ? 201 : 202; }
};

INSTANTIATE_TEST_SUITE_P(Routes, LooksAtCode,
                         testing::Values("/api/tasks", "/api/tasks/execute", "/tasks/execute"));

TEST_P(LooksAtCode, OnceWhenItIsGood) {
  EXPECT_EQ(post("good").status, made());
  EXPECT_EQ(post("good").status, made());
  EXPECT_EQ(looks_, 1);
  EXPECT_EQ(post("other").status, made());
  EXPECT_EQ(looks_, 2);
}

TEST_P(LooksAtCode, EachTimeWhenItIsBad) {
  looked_ = model::Look{model::Failure{model::OutcomeCode::invalid_code, "no", "", 2, 5}};
  for (int i = 0; i < 2; ++i) {
    const net::Response refused = post("bad");
    EXPECT_EQ(refused.status, 422);
    EXPECT_NE(
        refused.body.find(R"("errors":[{"pointer":"/code","detail":"no","line":2,"column":5}])"),
        std::string::npos)
        << refused.body;
  }
  EXPECT_EQ(looks_, 2);
}

// Code that is kept must have been looked at; code that only runs tells by itself.
TEST_P(LooksAtCode, AndWithoutAWorkerKeepsNone) {
  for (const ErrorCode code : {ErrorCode::busy, ErrorCode::unavailable}) {
    looked_ = fail(code, "nobody");
    EXPECT_EQ(post("new").status, keeps() ? base::row(code).http_status : 202);
  }
  EXPECT_EQ(looks_, 2);
}

TEST_F(ApiTest, ALook_TellsWhatIsKnownOfTheCode_AlsoWhenItIsRemembered) {
  looked_ = model::Look{.facts = {{{{"force", true}, {"factor", false}}}, {{"stress"}}}};
  for (int i = 0; i < 2; ++i) {
    const auto look = await(look_at(api_, "good", std::chrono::seconds(1)));
    ASSERT_TRUE(look);
    EXPECT_FALSE(look->failure);
    EXPECT_EQ(look->facts.inputs->at(1).name, "factor");
    EXPECT_FALSE(look->facts.inputs->at(1).required);
    EXPECT_EQ(look->facts.results, std::vector<std::string>{"stress"});
    looked_ = model::Look();
  }
  EXPECT_EQ(looks_, 1);
}

TEST_F(ApiTest, CodeOfWhichMuchIsKnown_IsLookedAtAgain) {
  looked_ = model::Look{.facts = {.results = std::vector<std::string>(200, std::string(400, 'a'))}};
  for (int i = 1; i <= 2; ++i) {
    EXPECT_TRUE(await(look_at(api_, "good", std::chrono::seconds(1)))->facts.results);
    EXPECT_EQ(looks_, i);
  }
}

TEST_F(ApiTest, ALookAtBadCode_SaysWhy) {
  looked_ = model::Look{model::Failure{model::OutcomeCode::invalid_code, "no", "", 2, 5}};
  const auto look = await(look_at(api_, "bad", std::chrono::seconds(1)));
  EXPECT_EQ(look->failure->message, "no");
  looked_ = fail(ErrorCode::busy, "nobody");
  EXPECT_EQ(await(look_at(api_, "bad", std::chrono::seconds(1))).error().code, ErrorCode::busy);
}

TEST(Problem, HasOnlyCodesThatAnswersMayCarry) {
  for (const base::ErrorRow& row : base::error_table()) {
    const net::Response answer = problem(fail(row.code, "secret"), "id");
    const bool told = row.carried == base::Carried::in_answers;
    const std::string_view name = told ? row.name : "internal";
    EXPECT_NE(answer.body.find("\"code\":\"" + std::string(name) + '"'), std::string::npos);
    EXPECT_EQ(answer.body.find("secret") != std::string::npos, told) << answer.body;
  }
}

// A run of a workflow with a large definition, that of the only version.
class LargeWorkflow : public ApiTest {
 protected:
  LargeWorkflow() {
    model::KeptWorkflow workflow;
    workflow.id = model::WorkflowId::make();
    workflow.user = "ann";
    workflow.definition_json = R"({"inputs":{},"nodes":{"k":{"task":"t","inputs":{"a":{"value":")" +
                               std::string(base::kLarge, 'x') +
                               R"("}}}},"outputs":{"o":{"node":"k"}}})";
    auto made = await(store_->workflows().create(workflow, std::nullopt));
    run_.id = model::WorkflowRunId::make();
    run_.workflow_id = made->value.id;
    run_.user = "ann";
    run_.definition_json = workflow.definition_json;
    run_.state.nodes.resize(1);
    run_.nodes.resize(1);
    run_.nodes[0].task_id = model::TaskId::make();
    EXPECT_TRUE(await(store_->workflows().begin(run_, {"me", std::chrono::hours(1)}, {})));
  }
  FakeExchange ask(const std::string& below = "") const {
    return {"GET", "/api/workflow-runs/" + run_.id.str() + below, ""};
  }
  model::WorkflowRun run_;
};

TEST_F(LargeWorkflow, IsReadBesideTheLoop_AndOnce) {
  release();
  FakeExchange first = ask();
  finish(first);
  ASSERT_TRUE(first.answer);
  EXPECT_EQ(first.answer->status, 200) << first.answer->body;
  std::promise<void> again;
  asio::post(threads_, [free = again.get_future().share()] { free.wait(); });
  for (const char* below : {"", "/nodes/k"}) {
    FakeExchange second = ask(below);
    finish(second);
    ASSERT_TRUE(second.answer);
    EXPECT_EQ(second.answer->status, 200) << second.answer->body;
  }
  again.set_value();
}

TEST_F(LargeWorkflow, ThatIsBeingRead_HoldsNobodyUp) {
  FakeExchange large = ask();
  begin(large);
  for (int i = 0; i < 50; ++i) {  // the store has answered the first long before
    FakeExchange other("GET", "/api/workflow-runs", "");
    begin(other);
    while (!other.answer) io_.run_one();
  }
  EXPECT_FALSE(large.answer);  // it waits for the thread
  release();
  io_.run();
  ASSERT_TRUE(large.answer);
  EXPECT_EQ(large.answer->status, 200);
}

struct Place {
  const char* method;
  std::string path;
};

class Bodies : public ApiTest, public testing::WithParamInterface<Place> {
 protected:
  FakeExchange spaces(std::size_t size) {  // no JSON, whatever their number
    return {GetParam().method, GetParam().path, std::string(size, ' ')};
  }
};

const std::string kId = model::TaskId::make().str();
INSTANTIATE_TEST_SUITE_P(Routes, Bodies,
                         testing::Values(Place{"POST", "/api/tasks"},
                                         Place{"POST", "/api/tasks/execute"},
                                         Place{"POST", "/api/tasks/" + kId + "/execute"},
                                         Place{"PATCH", "/api/tasks/" + kId}));

TEST_P(Bodies, ALargeOneIsReadBesideTheLoop) {
  FakeExchange large = spaces(base::kLarge + 1);
  begin(large);
  EXPECT_FALSE(large.answer);  // it waits for the thread
  FakeExchange other("GET", "/health/live", "");
  begin(other);
  EXPECT_TRUE(other.answer);  // nobody waits for it
  release();
  io_.run();
  ASSERT_TRUE(large.answer);
  EXPECT_EQ(large.answer->status, 400);
}

TEST_P(Bodies, ASmallOneWaitsForNoThread) {
  FakeExchange small = spaces(base::kLarge);
  begin(small);
  ASSERT_TRUE(small.answer);
  EXPECT_EQ(small.answer->status, 400);
}

}  // namespace
}  // namespace mecapy::api
