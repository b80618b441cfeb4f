// The requests to OpenStack, field by field, and its tokens. What all placers promise is asked in
// placer_contract_test.cc.
#include "clouds/openstack.h"

#include <gtest/gtest.h>

#include <set>

#include "clouds/openstack_api.h"
#include "clouds/test_world.h"
#include "wire/base64.h"

namespace mecapy::clouds {
namespace {

namespace json = boost::json;
using base::await;

class OpenstackTest : public testing::Test {
 protected:
  std::optional<Refusal> place(Placer& placer, const Order& order) {
    const Save save = [this](std::string parts) -> awaitable<bool> {
      parts_ = std::move(parts);
      co_return true;
    };
    auto answer = await(placer.place(order, save, soon()));
    const auto* refusal = std::get_if<Refusal>(&answer);
    return refusal == nullptr ? std::nullopt : std::optional(*refusal);
  }
  std::optional<Refusal> place(const Order& order) { return place(world_.placer(), order); }
  json::value request(const std::string& operation) {
    for (const json::value& one : cloud().requests()) {
      if (text_at(one, {"operation"}) == operation) return one;
    }
    throw std::runtime_error("nobody asked for " + operation);
  }
  int asked(const std::string& operation) {
    int times = 0;
    for (const json::value& one : cloud().requests()) {
      times += text_at(one, {"operation"}) == operation ? 1 : 0;
    }
    return times;
  }
  TestCloud& cloud() { return *world_.cloud(); }

  OpenstackWorld world_;
  std::string parts_;
};

TEST_F(OpenstackTest, EachRequest_HasTheFieldsOfTheCloud) {
  const Order order = world_.order();
  ASSERT_FALSE(place(order));
  const json::value token = request("token");
  EXPECT_EQ(text_at(token, {"path"}), "/v3/auth/tokens");
  const json::object credential{{"id", cloud().known("credential_id")},
                                {"secret", cloud().known("credential_secret")}};
  EXPECT_EQ(
      json::parse(text_at(token, {"body"})),
      (json::value{
          {"auth", json::object{
                       {"identity", json::object{{"methods", json::array{"application_credential"}},
                                                 {"application_credential", credential}}}}}}));
  const json::value made = request("create");
  EXPECT_FALSE(text_at(made, {"headers", "x-auth-token"}).empty());
  const json::value body = json::parse(text_at(made, {"body"}));
  const std::string user_data = text_at(body, {"server", "user_data"});
  const json::object metadata{
      {"mecapy", "machine"}, {"mecapy-home", "house-1"}, {"mecapy-machine", order.machine}};
  EXPECT_EQ(
      body,
      (json::value{{"server", json::object{{"name", "mecapy-" + order.machine},
                                           {"flavorRef", cloud().known("flavor")},
                                           {"imageRef", cloud().known("image")},
                                           {"networks", json::array{json::object{
                                                            {"uuid", cloud().known("network")}}}},
                                           {"user_data", user_data},
                                           {"metadata", metadata}}}}));
  EXPECT_TRUE(wire::decode_base64(user_data)->starts_with("#cloud-config\n"));
  EXPECT_EQ(cloud().violations(), "[]");
}

TEST_F(OpenstackTest, AToken_IsAskedForOnce) {
  for (int i = 0; i < 5; ++i) ASSERT_FALSE(place(world_.order()));
  EXPECT_EQ(asked("token"), 1);
}

TEST_F(OpenstackTest, WhoComeAtOnce_ShareOneToken) {
  std::vector<awaitable<Answer<std::vector<Found>>>> lists;
  for (int i = 0; i < 8; ++i) lists.push_back(world_.placer().list(soon()));
  for (const auto& answer : base::await_all(std::move(lists))) {
    EXPECT_TRUE(std::holds_alternative<std::vector<Found>>(answer));
  }
  EXPECT_EQ(asked("token"), 1);
}

TEST_F(OpenstackTest, ATokenWhoseEndIsNear_IsReplacedBeforeIt) {
  cloud().control("token_life", {{"seconds", 1}});
  ASSERT_FALSE(place(world_.order()));
  const auto deadline = base::after(seconds(10));
  while (asked("token") < 2 && std::chrono::steady_clock::now() < deadline) {
    ASSERT_TRUE(std::holds_alternative<Sight>(
        await(world_.placer().look(base::make_uuid7(), parts_, soon()))));
  }
  EXPECT_GE(asked("token"), 2);  // one look may live to see two of them end
  for (const json::value& one : cloud().requests()) {
    EXPECT_NE(value_at(one, {"status"}), json::value(401)) << "it was used beyond its end";
  }
}

// In nanoseconds that is more than 64 bits.
TEST_F(OpenstackTest, ATokenUntilTheYear9999_IsAskedForOnce) {
  const auto now =
      std::chrono::duration_cast<seconds>(base::SystemClock().now().time_since_epoch());
  cloud().control("token_life", {{"seconds", 253'402'300'000 - now.count()}});
  for (int i = 0; i < 3; ++i) ASSERT_FALSE(place(world_.order()));
  EXPECT_EQ(asked("token"), 1);
}

TEST(OpenstackToken, AnEnd_IsTrustedForADay_AndNoneThatCannotBe) {
  using std::chrono::hours;
  using std::chrono::minutes;
  const base::TimePoint now = base::SystemClock().now();
  EXPECT_EQ(token_lasts(now + hours(5), now), hours(5) - minutes(10));
  EXPECT_EQ(token_lasts(now + minutes(4), now), minutes(2));
  EXPECT_EQ(token_lasts(std::nullopt, now), hours(23));
  for (const char* end : {"9999-12-31T23:59:59Z", "2300-01-01T00:00:00Z", "0001-01-01T00:00:00Z",
                          "0000-01-01T00:00:00Z", "1677-01-01T00:00:00Z"}) {
    ASSERT_TRUE(parse_time(end)) << end;
    EXPECT_EQ(token_lasts(parse_time(end), now), hours(23)) << end;
  }
}

TEST_F(OpenstackTest, ATokenThatIsRefused_IsReplacedOnce) {
  ASSERT_FALSE(place(world_.order()));
  cloud().control("expire", {});
  ASSERT_FALSE(place(world_.order()));
  EXPECT_EQ(asked("token"), 2);
  cloud().fault("expired", "create", 10);
  const auto refusal = place(world_.order());
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->trouble, Trouble::refused) << refusal->message;
  EXPECT_EQ(asked("token"), 3);
}

TEST_F(OpenstackTest, ACredentialThatIsNone_IsRefusedWithoutBeingTold) {
  OpenstackOptions options = world_.options("house-1");
  options.credential_secret = "another-secret";
  const auto placer = make_openstack(std::move(options));
  const auto refusal = place(*placer, world_.order());
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->trouble, Trouble::refused);
  EXPECT_EQ(refusal->message.find("another-secret"), std::string::npos);
}

TEST_F(OpenstackTest, ARegionThatIsNotInTheCatalogue_IsNamed) {
  OpenstackOptions options = world_.options("house-1");
  options.region = "XYZ1";
  const auto placer = make_openstack(std::move(options));
  Order order = world_.order();
  order.zone = "XYZ1";
  const auto refusal = place(*placer, order);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->trouble, Trouble::refused);
  EXPECT_NE(refusal->message.find("XYZ1"), std::string::npos) << refusal->message;
}

TEST_F(OpenstackTest, AServerWithoutAHost_IsOutOfStockInTheCloudsWords) {
  cloud().fault("fails");
  const auto refusal = place(world_.order());
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->trouble, Trouble::out_of_stock);
  EXPECT_NE(refusal->message.find("No valid host"), std::string::npos) << refusal->message;
}

TEST_F(OpenstackTest, Lists_GoThroughAllPages) {
  cloud().control("plant", {{"metadata", {{"mecapy-home", "house-1"}, {"mecapy-machine", "lost"}}},
                            {"servers", 45},
                            {"page", 20}});
  cloud().control("plant", {{"metadata", {{"mecapy-home", "house-2"}}}, {"servers", 5}});
  auto answer = await(world_.placer().list(soon()));
  std::set<std::string> ids;
  for (const Found& part : std::get<std::vector<Found>>(answer)) {
    ids.insert(part.id);
    EXPECT_TRUE(part.made);
  }
  EXPECT_EQ(ids.size(), 45U);
}

TEST_F(OpenstackTest, WhatIsTooLongForItsUserData_IsNotSent) {
  Order order = world_.order();
  order.home_url = "https://" + std::string(60'000, 'a');
  const auto refusal = place(order);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->trouble, Trouble::refused);
  EXPECT_EQ(asked("create"), 0);
}

}  // namespace
}  // namespace mecapy::clouds
