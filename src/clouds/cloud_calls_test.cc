// Calls to a cloud that answers as a test says.
#include "clouds/cloud_calls.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <deque>
#include <mutex>
#include <thread>

#include "base/test_await.h"
#include "net/test_server.h"

namespace mecapy::clouds {
namespace {

namespace json = boost::json;
using base::await;
using std::chrono::milliseconds;
using std::chrono::seconds;

Judged by_status(int status, const json::value& body) {
  return {status == 402 ? Trouble::quota : Trouble::refused, text_at(body, {"message"})};
}

class CloudCallsTest : public testing::Test {
 protected:
  CloudCallsTest() {
    server_ = net::listen_here(io_, [this](net::Exchange& exchange) { return answer(exchange); });
    thread_ = std::thread([this] { io_.run(); });
    options_.cloud = "Cloud";
    options_.secrets = {"hush-hush"};
    options_.backoff = milliseconds(1);
    options_.backoff_max = milliseconds(2);
  }
  ~CloudCallsTest() override {
    io_.stop();
    thread_.join();
  }

  awaitable<void> answer(net::Exchange& exchange) {
    net::Response response;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(exchange.request());
      if (!answers_.empty()) {
        response = answers_.front();
        if (answers_.size() > 1) answers_.pop_front();
      }
    }
    co_await exchange.respond(std::move(response));
  }
  // The last one is given to all that come after.
  Called call(Repeat repeat, std::deque<net::Response> answers) {
    answers_ = std::move(answers);
    CloudRequest request{"it is asked", repeat, "POST",
                         "http://127.0.0.1:" + std::to_string(server_->port()) + "/x"};
    request.body = "{}";
    CloudCalls calls(options_, by_status);
    return await(calls.call(std::move(request), base::after(seconds(10))));
  }
  static net::Response of(int status, std::string body = "") {
    return {.status = status, .body = std::move(body)};
  }
  static Refusal refusal(const Called& called) {
    if (std::holds_alternative<Reply>(called)) throw std::runtime_error("it was answered");
    return std::get<Refused>(called).refusal;
  }

  boost::asio::io_context io_{1};
  std::mutex mutex_;
  std::deque<net::Response> answers_;
  std::vector<net::Request> requests_;
  std::unique_ptr<net::HttpServer> server_;
  std::thread thread_;
  CallOptions options_;
};

TEST_F(CloudCallsTest, WhatChangesNothingTwice_IsAskedAgain) {
  for (const int status : {429, 500, 502, 503}) {
    requests_.clear();
    const Called called = call(Repeat::may, {of(status, "<html>"), of(200, R"({"a":1})")});
    EXPECT_TRUE(std::holds_alternative<Reply>(called)) << status;
    EXPECT_EQ(requests_.size(), 2U);
  }
}

TEST_F(CloudCallsTest, WhatMakesSomething_IsAskedAgainOnlyWhenItWasSurelyNotDone) {
  EXPECT_TRUE(std::holds_alternative<Reply>(call(Repeat::never, {of(429), of(201, "{}")})));
  requests_.clear();
  for (const int status : {500, 502, 503, 504}) {
    EXPECT_EQ(refusal(call(Repeat::never, {of(status), of(201, "{}")})).trouble, Trouble::unknown);
  }
  EXPECT_EQ(requests_.size(), 4U);
  EXPECT_EQ(refusal(call(Repeat::never, {of(201, "{\"id\":")})).trouble, Trouble::unknown);
}

TEST_F(CloudCallsTest, Tries_AreBounded) {
  EXPECT_EQ(refusal(call(Repeat::may, {of(429)})).trouble, Trouble::passing);
  EXPECT_EQ(requests_.size(), static_cast<std::size_t>(options_.tries));
}

TEST_F(CloudCallsTest, NoConnection_IsPassingEvenWhereSomethingIsMade) {
  CloudCalls calls(options_, by_status);
  const Called called = await(calls.call(
      {"it is asked", Repeat::never, "POST", "http://127.0.0.1:1/x"}, base::after(seconds(10))));
  EXPECT_EQ(refusal(called).trouble, Trouble::passing);
}

TEST_F(CloudCallsTest, ANotFound_IsAnAnswerWhateverItsBody) {
  for (const char* body : {"", "<html>", R"({"type":"not_found"})"}) {
    const Called called = call(Repeat::may, {of(404, body)});
    EXPECT_FALSE(std::get<Reply>(called).found()) << body;
  }
}

TEST_F(CloudCallsTest, WhatTheCloudSays_IsOneShortLineWithoutKeys) {
  const std::string token(64, 'a');
  for (const std::string& words :
       {std::string("no \x1b[31m red\r\n lines \x07"), std::string("it was hush-hush all along"),
        "with " + token + " in it", std::string(100'000, 'x'),
        "base64 " + std::string(60, 'Q') + "=="}) {
    const std::string body = json::serialize(json::object{{"message", words}});
    const std::string message = refusal(call(Repeat::may, {of(403, body)})).message;
    EXPECT_TRUE(message.starts_with("Cloud: it is asked: 403 ")) << message;
    EXPECT_LT(message.size(), 400U);
    for (const char c : message) EXPECT_GE(static_cast<unsigned char>(c), 0x20U) << message;
    for (const std::string& secret : {std::string("hush-hush"), token, std::string(60, 'Q')}) {
      EXPECT_EQ(message.find(secret), std::string::npos) << message;
    }
  }
}

TEST_F(CloudCallsTest, AUuidInItsWords_IsShown) {
  const std::string id = "0193a5b2-7c11-7e43-8d2f-001122334455";
  const std::string body = json::serialize(json::object{{"message", "no server " + id}});
  EXPECT_NE(refusal(call(Repeat::may, {of(403, body)})).message.find(id), std::string::npos);
}

TEST_F(CloudCallsTest, ABodyOverItsBound_IsNotRead) {
  options_.max_response = 1000;
  const std::string large = "\"" + std::string(5'000, 'x') + "\"";
  EXPECT_EQ(refusal(call(Repeat::may, {of(200, large)})).trouble, Trouble::passing);
  EXPECT_EQ(refusal(call(Repeat::never, {of(201, large)})).trouble, Trouble::unknown);
}

TEST_F(CloudCallsTest, JsonThatIsTooDeep_IsNone) {
  const std::string deep = std::string(1'000, '[') + std::string(1'000, ']');
  EXPECT_EQ(refusal(call(Repeat::may, {of(200, deep)})).trouble, Trouble::passing);
}

TEST(CloudWords, IdsThatAreNoPartOfAPath_AreNone) {
  for (const char* bad : {"", "..", ".", "a/b", "a?b", "a b", "a%2f", "\n"}) {
    EXPECT_EQ(id_at(json::value{{"id", bad}}, {"id"}), "") << bad;
  }
  EXPECT_EQ(id_at(json::value{{"id", std::string(65, 'a')}}, {"id"}), "");
  EXPECT_EQ(id_at(json::value{{"id", 7}}, {"id"}), "");
  EXPECT_EQ(id_at(json::value{{"id", "b2-7_x.1"}}, {"id"}), "b2-7_x.1");
}

TEST(CloudWords, Times_AreReadInUtcOnly) {
  const auto at = parse_time("2026-11-23T10:00:01Z");
  ASSERT_TRUE(at);
  EXPECT_EQ(base::to_rfc3339(*at), "2026-11-23T10:00:01.000000Z");
  EXPECT_EQ(parse_time("2026-11-23T10:00:01.123456+00:00"), at);
  for (const char* bad :
       {"", "2026-11-23", "2026-11-23T10:00:01+01:00", "2026-13-23T10:00:01Z",
        "2026-02-30T10:00:01Z", "2026-11-23 10:00:01Z", "2026-11-23T99:00:01Z",
        "2026-11-23T10:60:01Z", "99999-11-23T10:00:01Z", "-001-11-23T10:00:01Z"}) {
    EXPECT_FALSE(parse_time(bad)) << bad;
  }
}

TEST(CloudWords, Queries_AreEscaped) {
  EXPECT_EQ(percent_encoded("mecapy-home=a/b c&d"), "mecapy-home%3Da%2Fb%20c%26d");
}

}  // namespace
}  // namespace mecapy::clouds
