// A provider on loopback that counts how often its keys are fetched, and a clock of the test's.
#include "auth/oidc.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <optional>
#include <vector>

#include "auth/test_keys.h"
#include "base/test_await.h"
#include "net/test_server.h"

namespace mecapy::auth {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kNow = 1'800'000'000;  // seconds

class OidcTest : public testing::Test {
 protected:
  OidcTest() {
    server_ = net::listen_here(loop_, [this](net::Exchange& call) { return answer(call); });
    issuer_ = "http://127.0.0.1:" + std::to_string(server_->port()) + "/realms/one";
    OidcOptions options;
    options.expected = {issuer_, "mecapy-api", "mecapy-admin"};
    options.steady_now = [this] { return steady_; };
    authenticator_ = make_oidc_authenticator(std::move(options), clock_).value();
  }

  awaitable<void> answer(net::Exchange& call) {
    net::Response response;
    if (away_) {
      response.status = 503;
    } else if (call.request().path == "/realms/one/.well-known/openid-configuration") {
      response.body =
          json::serialize(json::object{{"issuer", issuer_}, {"jwks_uri", issuer_ + "/certs"}});
    } else {
      ++fetches_;
      json::array keys;
      for (const Pair* pair : published_) keys.push_back(pair->public_jwk());
      response.body = json::serialize(json::object{{"keys", keys}});
    }
    co_await call.respond(std::move(response));
  }

  std::string token(const Pair& pair, const json::object& header = {}) const {
    return "Bearer " + pair.sign({{"iss", issuer_},
                                  {"aud", "mecapy-api"},
                                  {"sub", "0b1d"},
                                  {"exp", kNow + 60},
                                  {"iat", kNow}},
                                 header);
  }
  // One whose key id nobody has ever used.
  std::string invented() { return token(key_, {{"kid", "made-up-" + std::to_string(++made_up_)}}); }

  using Caller = Result<Principal>;
  // All at once, in the order of the tokens.
  std::vector<Caller> ask(const std::vector<std::string>& tokens) {
    std::vector<std::optional<Caller>> kept(tokens.size());
    std::size_t open = tokens.size();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      asio::co_spawn(
          loop_,
          [this, &tokens, &kept, &open, i]() -> awaitable<void> {
            kept[i].emplace(
                co_await authenticator_->authenticate(tokens[i], base::after(seconds(20))));
            --open;
          },
          base::rethrow);
    }
    loop_.restart();
    while (open > 0 && loop_.run_one() > 0) {
    }
    std::vector<Caller> callers;
    for (auto& one : kept) callers.push_back(std::move(*one));
    return callers;
  }
  Caller ask(const std::string& token) { return ask(std::vector{token}).front(); }

  void expect_refused(const Caller& caller, ErrorCode code, const std::string& why) {
    ASSERT_FALSE(caller);
    EXPECT_EQ(caller.error().code, code);
    EXPECT_NE(caller.error().message.find(why), std::string::npos) << caller.error().message;
  }
  void expect_invented_are_refused(int count) {
    for (int i = 0; i < count; ++i) {
      expect_refused(ask(invented()), ErrorCode::unauthorized, "nobody knows its key");
    }
  }

  asio::io_context loop_;
  std::unique_ptr<net::HttpServer> server_;
  std::string issuer_;
  Pair key_ = Pair::ec("first");
  std::vector<const Pair*> published_{&key_};
  bool away_ = false;
  int fetches_ = 0;
  int made_up_ = 0;
  std::chrono::steady_clock::time_point steady_ = std::chrono::steady_clock::now();
  std::shared_ptr<base::ManualClock> clock_ =
      std::make_shared<base::ManualClock>(base::TimePoint(seconds(kNow)));
  std::unique_ptr<Authenticator> authenticator_;
};

TEST_F(OidcTest, InventedKeyIds_FetchThreeTimesAtOnceThenOnceEveryTenSeconds) {
  expect_invented_are_refused(30);
  EXPECT_EQ(fetches_, 3);
  for (int more = 1; more <= 2; ++more) {
    steady_ += milliseconds(9'999);
    expect_invented_are_refused(10);
    EXPECT_EQ(fetches_, 2 + more);
    steady_ += milliseconds(1);
    expect_invented_are_refused(10);
    EXPECT_EQ(fetches_, 3 + more);
  }
  // However long nobody asked, no more are saved up.
  steady_ += std::chrono::minutes(30);
  expect_invented_are_refused(30);
  EXPECT_EQ(fetches_, 8);
  EXPECT_TRUE(ask(token(key_)));
}

TEST_F(OidcTest, InventedKeyIdsAllAtOnce_WaitForOneFetch) {
  std::vector<std::string> tokens{token(key_)};
  for (int i = 0; i < 30; ++i) tokens.push_back(invented());
  const auto callers = ask(tokens);
  EXPECT_TRUE(callers.front());
  for (std::size_t i = 1; i < callers.size(); ++i) {
    expect_refused(callers[i], ErrorCode::unauthorized, "nobody knows its key");
  }
  EXPECT_EQ(fetches_, 1);
}

TEST_F(OidcTest, AKeyOfARotation_IsFetchedWhenATokenNamesIt) {
  EXPECT_TRUE(ask(token(key_)));
  EXPECT_EQ(fetches_, 1);
  const Pair next = Pair::ec("second");
  published_ = {&next, &key_};
  EXPECT_TRUE(ask(token(key_)));
  EXPECT_EQ(fetches_, 1);
  const Caller caller = ask(token(next));
  ASSERT_TRUE(caller) << caller.error().message;
  EXPECT_EQ(caller->user, "0b1d");
  EXPECT_EQ(fetches_, 2);
}

TEST_F(OidcTest, KeysOfAnHour_AreFetchedAgainAndAWithdrawnOneIsBelievedNoMore) {
  EXPECT_TRUE(ask(token(key_)));
  const Pair next = Pair::ec("second");
  published_ = {&next};
  steady_ += hours(1) - milliseconds(1);
  EXPECT_TRUE(ask(token(key_)));
  EXPECT_EQ(fetches_, 1);
  steady_ += milliseconds(1);
  expect_refused(ask(token(key_)), ErrorCode::unauthorized, "nobody knows its key");
  EXPECT_EQ(fetches_, 2);
}

TEST_F(OidcTest, WhileTheProviderIsAway_KnownKeysAreGoodForADayAndUnknownOnesAreNoRefusal) {
  EXPECT_TRUE(ask(token(key_)));
  away_ = true;
  steady_ += hours(24) - milliseconds(1);
  EXPECT_TRUE(ask(token(key_)));
  expect_refused(ask(invented()), ErrorCode::unavailable, "it answered 503");
  steady_ += milliseconds(1);
  expect_refused(ask(token(key_)), ErrorCode::unavailable, "it answered 503");
  expect_refused(ask(invented()), ErrorCode::unavailable, "it answered 503");
  expect_refused(ask("Bearer e30.e30"), ErrorCode::unauthorized, "no signed JWT");
  away_ = false;
  steady_ += seconds(10);
  EXPECT_TRUE(ask(token(key_)));
}

TEST_F(OidcTest, ATokenThatIsTooLong_IsToldSoAndFetchesNothing) {
  const std::string huge =
      "Bearer " + key_.sign({{"iss", issuer_}, {"padding", std::string(9'000, 'x')}});
  expect_refused(ask(huge), ErrorCode::unauthorized, "it is too long");
  EXPECT_EQ(fetches_, 0);
}

}  // namespace
}  // namespace mecapy::auth
