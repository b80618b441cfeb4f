// The rules of the client: the saved login, which server is called, names, events, answers.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/test_await.h"
#include "base/test_folder.h"
#include "base/whole.h"
#include "client/answers.h"
#include "client/credentials.h"
#include "client/download.h"
#include "client/events.h"
#include "client/identity.h"
#include "client/names.h"
#include "client/problem.h"
#include "client/target.h"
#include "client/workflow_answers.h"

namespace mecapy::client {
namespace {

namespace fs = std::filesystem;

class SavedLogin : public testing::Test {
 protected:
  void write(const std::string& text, mode_t mode = 0600) {
    fs::create_directories(fs::path(path_).parent_path());
    std::ofstream(path_) << text;
    ::chmod(path_.c_str(), mode);
  }
  static mode_t mode_of(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }
  base::TestFolder folder_;
  std::string path_ = folder_.path("config/mecapy/login.json");
};

TEST_F(SavedLogin, IsItsOwnersAloneAndReadAsItWasSaved) {
  const Login login{"https://a.example", "t", 1790000000, "r", "https://i.example/token", "sdk"};
  ASSERT_TRUE(save_login(path_, login));
  EXPECT_EQ(mode_of(path_), 0600u);
  EXPECT_EQ(mode_of(fs::path(path_).parent_path()), 0700u);
  const auto read = read_login(path_);
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->url, login.url);
  EXPECT_EQ((*read)->token, "t");
  EXPECT_EQ((*read)->expires_at, 1790000000);
  EXPECT_EQ((*read)->refresh_token, "r");
  EXPECT_EQ((*read)->token_endpoint, login.token_endpoint);
  EXPECT_EQ((*read)->client_id, "sdk");
  EXPECT_TRUE((*read)->renewable());
}

TEST_F(SavedLogin, OfATokenHasTheTwoMembersAlone) {
  ASSERT_TRUE(save_login(path_, {"https://a.example", "t"}));
  std::ifstream file(path_);
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line, R"({"url":"https://a.example","token":"t"})");
}

TEST_F(SavedLogin, IsReplacedAsAWholeAndNothingIsLeftBeside) {
  ASSERT_TRUE(save_login(path_, {"https://a.example", "long long long"}));
  ASSERT_TRUE(save_login(path_, {"https://a.example", "t"}));
  EXPECT_EQ((*read_login(path_))->token, "t");
  const fs::directory_iterator all(fs::path(path_).parent_path());
  EXPECT_EQ(std::distance(fs::begin(all), fs::end(all)), 1);
}

TEST_F(SavedLogin, IsReadAsOtherProgramsWriteIt) {
  write("{\n \"url\": \"https://a.example\", \"token\": \"t\", \"expires_at\": 1.5, \"more\": {}}");
  const auto read = read_login(path_);
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->expires_at, 1.5);
  EXPECT_FALSE((*read)->renewable());
}

TEST_F(SavedLogin, ThatOthersMayReadIsRefused) {
  for (const mode_t mode : {0640u, 0604u, 0620u}) {
    write(R"({"url": "https://a.example", "token": "t"})", mode);
    const auto read = read_login(path_);
    ASSERT_FALSE(read) << std::oct << mode;
    EXPECT_NE(read.error().message.find("chmod 600"), std::string::npos) << read.error().message;
  }
}

TEST_F(SavedLogin, ThatIsNoneIsToldAndOneThatIsNotThereIsNone) {
  EXPECT_FALSE(read_login(path_)->has_value());
  EXPECT_FALSE(*remove_login(path_));
  for (const char* text : {"", "[]", "{}", R"({"url": 1, "token": "t"})", "{\"url\": \"x\"}"}) {
    write(text);
    EXPECT_FALSE(read_login(path_)) << text;
  }
  EXPECT_TRUE(*remove_login(path_));
  EXPECT_FALSE(fs::exists(path_));
}

class ChosenTarget : public SavedLogin {
 protected:
  ChosenTarget() {
    around_.login_path = path_;
    around_.local_url = "http://127.0.0.1:8080";
    around_.local_token_file = folder_.path("token");
  }
  void log_in(const std::string& url) { ASSERT_TRUE(save_login(path_, {url, "saved"})); }
  void serve_here() { std::ofstream(around_.local_token_file) << "local\n"; }
  std::pair<std::string, std::string> chosen() const {
    const auto target = choose_target(around_);
    if (!target) return {"", target.error().message};
    return {target->url, target->token};
  }
  using P = std::pair<std::string, std::string>;
  Surroundings around_;
};

TEST_F(ChosenTarget, OnTheServersOwnMachineNothingNeedsToBeSet) {
  EXPECT_EQ(chosen(), P("http://127.0.0.1:8080", ""));
  serve_here();
  EXPECT_EQ(chosen(), P("http://127.0.0.1:8080", "local"));
}

TEST_F(ChosenTarget, TheSavedLoginIsForItsServerOnly) {
  serve_here();
  log_in("https://a.example/");
  EXPECT_EQ(chosen(), P("https://a.example", "saved"));
  around_.url = "https://b.example";
  EXPECT_EQ(chosen(), P("https://b.example", ""));
  around_.url = "https://a.example.b.example";
  EXPECT_EQ(chosen().second, "");
  around_.url = "https://a.example//";
  EXPECT_EQ(chosen(), P("https://a.example", "saved"));
  around_.server = "http://127.0.0.1:8080";
  EXPECT_EQ(chosen(), P("http://127.0.0.1:8080", "local"));
}

TEST_F(ChosenTarget, WhatIsGivenWinsOverWhatIsSaved) {
  log_in("https://a.example");
  around_.token = "given";
  EXPECT_EQ(chosen(), P("https://a.example", "given"));
  around_.url = "https://b.example";
  EXPECT_EQ(chosen(), P("https://b.example", "given"));
  around_.server = "https://c.example";
  EXPECT_EQ(chosen(), P("https://c.example", "given"));
}

TEST_F(ChosenTarget, ALoginThatCannotBeReadIsNoReasonNotToUseWhatIsGiven) {
  write("{}");
  EXPECT_NE(chosen().second.find("holds no login"), std::string::npos);
  around_.token = "given";
  EXPECT_EQ(chosen(), P("http://127.0.0.1:8080", "given"));
}

TEST_F(ChosenTarget, ATokenDoesNotGoToAnotherMachineWithoutTls) {
  around_.token = "given";
  for (const char* url : {"http://a.example", "http://10.0.0.1:8080", "http://127.0.0.1.a.example",
                          "http://localhost.a.example", "http://127.0.0.1@a.example"}) {
    around_.url = url;
    EXPECT_EQ(chosen().first, "") << url;
  }
  for (const char* url : {"http://127.0.0.1", "http://localhost:1", "http://[::1]:8080"}) {
    around_.url = url;
    EXPECT_EQ(chosen().first, url);
  }
}

TEST_F(ChosenTarget, AnAddressIsOneOfAServerAndATokenOneOfHeaders) {
  for (const char* text : {"", "a.example", "ftp://a.example", "https://", "https://a.example?x=1",
                           "https://u:p@a.example", "https://a.example#x", "https://a b"}) {
    EXPECT_FALSE(server_address(text)) << text;
  }
  EXPECT_EQ(*server_address("https://a.example/mecapy/"), "https://a.example/mecapy");
  for (const char* token : {"", "a b", "a\nb", "a\x7f", "\xc3\xa9"}) EXPECT_FALSE(is_token(token));
  EXPECT_TRUE(is_token("eyJ.a-b_c"));
}

class TokenOfALogin : public SavedLogin {
 protected:
  base::ManualClock clock_{base::TimePoint(std::chrono::seconds(500))};
};

TEST_F(TokenOfALogin, ThatAnotherProgramHasRenewedIsTakenFromTheFile) {
  Login old{"https://a.example", "old", 100, "r", "https://127.0.0.1:1/token", "sdk"};
  Login fresh = old;
  fresh.token = "fresh";
  fresh.expires_at = 1000;
  ASSERT_TRUE(save_login(path_, fresh));
  net::HttpClient http({});
  Credentials credentials({old.url, old.token, Proof::saved_login, old}, path_, http, clock_);
  EXPECT_EQ(*base::await(credentials.token(Credentials::Wish::current)), "fresh");
  // Nobody else has, and nobody can be asked.
  const auto none = base::await(credentials.token(Credentials::Wish::another));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::unavailable);
}

TEST_F(TokenOfALogin, ForAnotherServerIsNotTakenFromTheFile) {
  Login old{"https://a.example", "old", 100, "r", "https://127.0.0.1:1/token", "sdk"};
  ASSERT_TRUE(save_login(path_, {"https://b.example", "of b"}));
  net::HttpClient http({});
  Credentials credentials({old.url, old.token, Proof::saved_login, old}, path_, http, clock_);
  EXPECT_FALSE(base::await(credentials.token(Credentials::Wish::current)));
}

constexpr const char* kFirst = "01a2184d-5c10-7001-bd4d-bcb3065cf335";
constexpr const char* kSecond = "01a2184d-5c11-7001-bd4d-bcb3065cf335";

std::string found(const std::string& kind, const std::string& word) {
  Search search(kind, word);
  search.look_at(kSecond, kind == "task" ? "bolt" : "");
  search.look_at(kFirst, kind == "task" ? "01a2184d-5c11" : "");
  const auto id = search.found(0);
  return id ? *id : std::string(base::row(id.error().code).name);
}

TEST(Names, AUniqueBeginningOfAnIdIsEnough) {
  EXPECT_EQ(found("run", "01a2184d-5c10"), kFirst);
  EXPECT_EQ(found("run", kSecond), kSecond);
  EXPECT_EQ(found("run", "01a2184d-5c1"), "usage");
  EXPECT_EQ(found("run", "01a2184d-5c12"), "not_found");
  EXPECT_EQ(found("run", "01a"), "not_found");  // too little to be meant as one
  EXPECT_EQ(found("run", "bolt"), "not_found");
}

TEST(Names, ATasksNameGoesBeforeTheBeginningOfAnId) {
  EXPECT_EQ(found("task", "bolt"), kSecond);
  EXPECT_EQ(found("task", "01a2184d-5c11"), kFirst);
  EXPECT_EQ(found("task", "01a2184d-5c10"), kFirst);
  Search twice("task", "bolt", "mecapy task delete");
  twice.look_at(kFirst, "bolt");
  twice.look_at(kSecond, "bolt");
  EXPECT_EQ(twice.found(0).error().code, ErrorCode::usage);
  const double now = 0x01a2184d5c10 / 1e3 + 200;  // seconds: 200 after both were made
  EXPECT_EQ(twice.found(now).error().message,
            "\"bolt\" names several of your tasks: 01a2184d-5c10 (3 min ago), 01a2184d-5c11 "
            "(3 min ago); give an id: mecapy task delete 01a2184d-5c10");
}

TEST(Names, OfOneThatIsNoneTheNearestIsTold) {
  for (const auto& [kind, told] :
       {std::pair("workflow", "you have no workflow \"vesel\"; did you mean \"vessel\"?"),
        std::pair("task", "you have no task \"vesel\"; did you mean \"vessel\"?")}) {
    Search search(kind, "vesel");
    search.look_at("01a2184d-5c11-7000-8000-000000000001", "joint");
    search.look_at("01a2184d-5c11-7000-8000-000000000002", "vessel");
    EXPECT_EQ(search.found(0).error().message, told);
  }
  Search search("workflow", "other");
  search.look_at("01a2184d-5c11-7000-8000-000000000001", "joint");
  EXPECT_EQ(search.found(0).error().message, "you have no workflow \"other\"");
}

TEST(Names, WhatIsOlderThanABeginningIsNotLookedAt) {
  Search search("run", "01a2184d-5c11");
  EXPECT_TRUE(search.may_be_older_than("01a2184d-5c11-7fff-bd4d-bcb3065cf335"));
  EXPECT_FALSE(search.may_be_older_than("01a2184d-5c10-7fff-bd4d-bcb3065cf335"));
}

TEST(Names, AnIdOfTheServersThatIsNoneIsNeverUsed) {
  Search search("task", "bolt");
  search.look_at("../../health/live", "bolt");
  EXPECT_EQ(search.found(0).error().code, ErrorCode::not_found);
}

TEST(Events, AreReadAsTheirSpecificationHasIt) {
  EventReader reader;
  std::vector<Event> events;
  for (const char* line :
       {": still here", "", "id: 1.2.0", "event: log", "data: {\"a\":", "data:1}", "",
        "event: nothing", "", "event:status\r", "data: {}\r", "\r", "data"}) {
    const auto event = reader.take(line);
    ASSERT_TRUE(event) << line;
    if (*event) events.push_back(**event);
  }
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, "log");
  EXPECT_EQ(events[0].id, "1.2.0");
  EXPECT_EQ(events[0].data, "{\"a\":\n1}");
  EXPECT_EQ(events[1].kind, "status");
}

TEST(Events, LargerThanTheirBoundAreNotKept) {
  EventReader reader;
  const std::string line = "data: " + std::string(EventReader::kLargestEvent / 2, 'x');
  EXPECT_TRUE(reader.take(line));
  const auto more = reader.take(line);  // with the newline between them
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, ErrorCode::too_large);
}

TEST(Events, HaveIdsThatAHeaderCanCarry) {
  EventReader reader;
  for (const char* id : {"id: \xc3\xa9", "id: a\rX: y", "id: a b", "id: \x1b"}) {
    ASSERT_TRUE(reader.take(id));
    ASSERT_TRUE(reader.take("data: {}"));
    EXPECT_EQ((*reader.take(""))->id, "") << id;
  }
}

TEST(Problems, HaveTheirCodeOrThatOfTheirStatus) {
  net::Response answer{.status = 422};
  answer.body =
      R"({"code":"invalid_code","detail":"no\u001b[2J","errors":[{"pointer":"/code","detail":"d","line":3}]})";
  const Error error = problem_of(answer);
  EXPECT_EQ(error.code, ErrorCode::invalid_code);
  EXPECT_EQ(error.message, "no [2J");
  ASSERT_EQ(error.problems.size(), 1u);
  EXPECT_EQ(error.problems[0].line, 3);
  EXPECT_EQ(problem_of({.status = 404, .body = "<html>"}).code, ErrorCode::not_found);
  EXPECT_EQ(problem_of({.status = 502}).code, ErrorCode::unavailable);
  // What only ends programs of ours is never a server's.
  EXPECT_EQ(problem_of({.status = 400, .body = R"({"code":"usage"})"}).code,
            ErrorCode::invalid_request);
}

std::string with_id(const std::string& members) {
  return "{\"id\":\"" + std::string(kFirst) + "\"," + members + "}";
}

TEST(Answers, AnIdThatIsNoneMakesNoRunAndNoTask) {
  EXPECT_TRUE(read_run(with_id(R"("status":"failed")")));
  EXPECT_TRUE(read_task(with_id(R"("name":"bolt")")));
  for (const char* id : {R"("i")", "1", R"("../x")", R"("\u001b[2J")", "null"}) {
    const std::string text = R"({"status":"failed","name":"bolt","id":)" + std::string(id) + "}";
    EXPECT_FALSE(read_run(text)) << id;
    EXPECT_FALSE(read_task(text)) << id;
  }
  EXPECT_FALSE(read_run("{}"));
}

TEST(Answers, NumbersBeyondAllBoundsAreNoneOrTheNearestThatFit) {
  const auto run = read_run(with_id(
      R"("version":1e300,"attempt":9007199254740993,"error":{"code":"user_error","line":1e300,"column":-1e300})"));
  ASSERT_TRUE(run);
  EXPECT_EQ(run->version, 0);
  EXPECT_EQ(run->attempt, 0);
  EXPECT_EQ(run->failure->line, std::nullopt);
  EXPECT_EQ(run->failure->column, std::nullopt);
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(base::whole<std::int64_t>(1e300), kMost);
  EXPECT_EQ(base::whole<std::int64_t>(9223372036854775807.), kMost);
  EXPECT_EQ(base::whole<int>(-1e300), std::numeric_limits<int>::min());
  EXPECT_EQ(base::whole<int>(-2.9), -2);
  EXPECT_EQ(base::whole<int>(std::nan("")), 0);
  const auto tokens = read_tokens(R"({"access_token":"a","expires_in":1e300})", 10);
  ASSERT_TRUE(tokens);
  EXPECT_LT(tokens->expires_at, 1e9);
}

TEST(Answers, ARunIsReadAndItsResultStaysAsItCame) {
  const auto run = read_run(
      R"({"id":"01a2184d-5c10-7001-bd4d-bcb3065cf335","status":"failed","error":{"code":"user_error","message":"m","line":2},)"
      R"("result":{"x":1.10},"artifacts":[{"name":"a","size":3,"sha256":"s"}],"usage":{"wall_ms":1}})");
  ASSERT_TRUE(run);
  EXPECT_TRUE(run->has_ended());
  EXPECT_EQ(run->failure->code, model::OutcomeCode::user_error);
  EXPECT_EQ(run->failure->line, 2);
  EXPECT_EQ(*run->result, R"({"x":1.10})");
  EXPECT_EQ(run->artifacts[0].size, 3);
  EXPECT_EQ(run->usage->wall_us, 1000);
  const auto later =
      read_run(with_id(R"("status":"failed","error":{"code":"melted","message":"m"})"));
  EXPECT_EQ(later->failure->code, model::OutcomeCode::internal);
  EXPECT_EQ(later->failure->message, "melted: m");
  for (const char* text : {"", "[]", "{\"a\":1,\"a\":2}", "nonsense"}) EXPECT_FALSE(read_run(text));
}

TEST(Identity, AFormIsEscapedAndTokensAreReadWithTheirEnd) {
  EXPECT_EQ(form({{"a b", "c&d=\xc3\xa9"}, {"x", "~"}}), "a%20b=c%26d%3D%C3%A9&x=~");
  const auto tokens =
      read_tokens(R"({"access_token":"a","expires_in":300,"refresh_token":"r"})", 10);
  ASSERT_TRUE(tokens);
  EXPECT_EQ(tokens->expires_at, 310);
  EXPECT_EQ(tokens->refresh, "r");
  EXPECT_FALSE(read_tokens(R"({"access_token":"a b"})", 10));
  EXPECT_FALSE(read_tokens("", 10));
}

TEST(WorkflowAnswers, AreReadMemberByMember) {
  const std::string id = "01a2184d-5c10-7001-bd4d-bcb3065cf335";
  const std::string ids = "{\"id\":\"" + id + "\",\"workflow_id\":\"" + id + "\"";
  const auto run = read_workflow_run(
      ids + R"(,"status":"failed","attempt":2,"result":{"n":1.50},)"
            R"("error":{"node":"b","code":"timeout","message":"m","run_id":"../x","element":3},)"
            R"("nodes":[{"name":"a","status":"completed","elements":3,"ended":2,"reused":1},)"
            R"({"name":"b","status":"running"},7]})");
  ASSERT_TRUE(run);
  EXPECT_TRUE(run->has_ended());
  EXPECT_EQ(run->result, R"({"n":1.50})");
  ASSERT_TRUE(run->failure);
  EXPECT_EQ(run->failure->run_id, "");  // no id, so nothing is asked for by it
  EXPECT_EQ(run->failure->element, 3);
  ASSERT_EQ(run->nodes.size(), 3u);
  EXPECT_EQ(run->nodes[0].elements, 3);
  EXPECT_TRUE(run->nodes[0].has_ended());
  EXPECT_FALSE(run->nodes[1].has_ended());
  EXPECT_EQ(run->nodes[2].name, "");
  for (const std::string& text :
       {std::string("[]"), std::string("{}"), ids.substr(0, ids.find(',')) + "}",
        std::string(R"({"id":"../x","workflow_id":"../y"})")}) {
    EXPECT_FALSE(read_workflow_run(text)) << text;
  }
  EXPECT_FALSE(read_workflow(R"({"id":"x"})"));
  const auto workflow = read_workflow("{\"id\":\"" + id + R"(","nodes":{"a":{"x":0.10}}})");
  ASSERT_TRUE(workflow);
  EXPECT_EQ(workflow->nodes, R"({"a":{"x":0.10}})");
  EXPECT_FALSE(read_workflow_estimate("[]").complete);
}

TEST(KeptBytes, AreWholeOrNotThere) {
  const base::TestFolder folder;
  const std::string path = folder.path("g.svg");
  EXPECT_EQ(*keep_bytes(path, "one", Existing::keep), Kept::fetched);
  EXPECT_EQ(*keep_bytes(path, "one", Existing::keep), Kept::was_there);
  EXPECT_EQ(keep_bytes(path, "two", Existing::keep).error().code, ErrorCode::conflict);
  EXPECT_EQ(*keep_bytes(path, "two", Existing::replace), Kept::fetched);
  fs::create_symlink(path, folder.path("link"));
  EXPECT_FALSE(keep_bytes(folder.path("link"), "one", Existing::replace));
  EXPECT_FALSE(keep_bytes(folder.path("none/g.svg"), "one", Existing::keep));
  EXPECT_FALSE(keep_bytes(folder.path(".."), "one", Existing::replace));
  std::string text;
  std::getline(std::ifstream(path) >> std::ws, text);
  EXPECT_EQ(text, "two");
}

}  // namespace
}  // namespace mecapy::client
