// The requests to Scaleway, field by field, and what its errors mean. What all placers promise is
// asked in placer_contract_test.cc.
#include "clouds/scaleway.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "clouds/test_world.h"

namespace mecapy::clouds {
namespace {

namespace json = boost::json;
using base::await;

class ScalewayTest : public testing::Test {
 protected:
  std::optional<Refusal> place(const Order& order) {
    const Save save = [this](std::string parts) -> awaitable<bool> {
      saved_.push_back(std::move(parts));
      saved_after_.push_back(world_.cloud()->requests().size());
      co_return true;
    };
    auto answer = await(world_.placer().place(order, save, soon()));
    const auto* refusal = std::get_if<Refusal>(&answer);
    return refusal == nullptr ? std::nullopt : std::optional(*refusal);
  }
  void destroy(const Order& order) {
    const auto deadline = base::after(seconds(20));
    while (std::chrono::steady_clock::now() < deadline) {
      auto answer = await(world_.placer().destroy(order.machine, saved_.back(), soon()));
      if (const bool* done = std::get_if<bool>(&answer); done != nullptr && *done) return;
    }
    FAIL() << "it is never done";
  }
  // "POST /instance/v1/zones/fr-par-1/servers", with ids as ID; of those that change something.
  std::vector<std::string> changes() {
    std::vector<std::string> all;
    for (const json::value& one : world_.cloud()->requests()) {
      const std::string method = text_at(one, {"method"});
      if (method != "GET") all.push_back(method + " " + text_at(one, {"path"}));
    }
    for (std::string& one : all) {
      std::size_t at = 0;
      for (std::size_t slash; (slash = one.find('/', at)) != std::string::npos;) {
        at = slash + 1;
        const std::string word = one.substr(at, one.find('/', at) - at);
        if (base::is_uuid(word)) one.replace(at, word.size(), "ID");
      }
    }
    return all;
  }
  json::value request(const std::string& operation) {
    for (const json::value& one : world_.cloud()->requests()) {
      if (text_at(one, {"operation"}) == operation) return one;
    }
    throw std::runtime_error("nobody asked for " + operation);
  }
  json::value body(const std::string& operation) {
    return json::parse(text_at(request(operation), {"body"}));
  }

  ScalewayWorld world_;
  std::vector<std::string> saved_;
  std::vector<std::size_t> saved_after_;  // requests that had come
};

TEST_F(ScalewayTest, TheSequence_IsThatOfTheCloud) {
  const Order order = world_.order();
  ASSERT_FALSE(place(order));
  destroy(order);
  const std::string zone = "/instance/v1/zones/fr-par-1";
  const std::string block = "/block/v1/zones/fr-par-1";
  std::vector<std::string> all = changes();
  ASSERT_EQ(all.size(), 9U);
  std::ranges::sort(all.begin() + 7, all.end());  // a volume is let go of when it pleases the cloud
  EXPECT_EQ(all, (std::vector<std::string>{"POST " + zone + "/ips", "POST " + zone + "/servers",
                                           "PATCH " + block + "/volumes/ID",
                                           "PATCH " + zone + "/servers/ID/user_data/cloud-init",
                                           "POST " + zone + "/servers/ID/action",  // poweron
                                           "PATCH " + block + "/volumes/ID",
                                           "POST " + zone + "/servers/ID/action",  // terminate
                                           "DELETE " + block + "/volumes/ID",
                                           "DELETE " + zone + "/ips/ID"}));
  EXPECT_EQ(world_.cloud()->violations(), "[]");
}

TEST_F(ScalewayTest, EachRequest_HasTheFieldsOfTheCloud) {
  const Order order = world_.order();
  ASSERT_FALSE(place(order));
  const json::value parts = json::parse(saved_.back());
  const std::string project = world_.cloud()->known("project");
  const json::array tags = {"mecapy", "mecapy-home=house-1", "mecapy-machine=" + order.machine};

  EXPECT_EQ(body("create_address"),
            (json::value{{"project", project}, {"tags", tags}, {"type", "routed_ipv4"}}));
  const json::value server = body("create");
  const std::string image = text_at(server, {"image"});
  EXPECT_EQ(server, (json::value{{"name", "mecapy-" + order.machine},
                                 {"commercial_type", "DEV1-S"},
                                 {"image", image},
                                 {"dynamic_ip_required", false},
                                 {"public_ips", json::array{text_at(parts, {"address"})}},
                                 {"volumes", json::object{{"0", json::object{{"boot", false}}}}},
                                 {"boot_type", "local"},
                                 {"project", project},
                                 {"tags", tags}}));
  EXPECT_TRUE(base::is_uuid(image)) << image;
  EXPECT_EQ(body("tag_volume"), (json::value{{"tags", tags}}));
  EXPECT_EQ(body("poweron"), (json::value{{"action", "poweron"}}));
  EXPECT_TRUE(text_at(request("user_data"), {"body"}).starts_with("#cloud-config\n"));
  EXPECT_EQ(text_at(request("user_data"), {"headers", "content-type"}), "text/plain");
  const json::value images = request("images");
  EXPECT_EQ(value_at(images, {"query"}),
            (json::value{
                {"image_label", "ubuntu_jammy"}, {"zone", "fr-par-1"}, {"type", "instance_sbs"}}));
  for (const char* operation : {"create_address", "create", "user_data", "poweron", "tag_volume"}) {
    EXPECT_EQ(text_at(request(operation), {"headers", "x-auth-token"}),
              world_.cloud()->known("token"))
        << operation;
  }
}

TEST_F(ScalewayTest, EachList_IsOfOurProjectAndOurTag) {
  ASSERT_TRUE(std::holds_alternative<std::vector<Found>>(await(world_.placer().list(soon()))));
  const std::string project = world_.cloud()->known("project");
  for (const char* operation : {"list", "list_addresses"}) {
    EXPECT_EQ(value_at(request(operation), {"query"}), (json::value{{"tags", "mecapy-home=house-1"},
                                                                    {"project", project},
                                                                    {"page", "1"},
                                                                    {"per_page", "100"}}))
        << operation;
  }
  EXPECT_EQ(value_at(request("list_volumes"), {"query"}),
            (json::value{{"tags", "mecapy-home=house-1"},
                         {"project_id", project},
                         {"page", "1"},
                         {"page_size", "100"}}));
}

TEST_F(ScalewayTest, EachId_IsSavedBeforeTheNextCall) {
  const Order order = world_.order();
  ASSERT_FALSE(place(order));
  // Image; zone saved; address; saved; server; saved; then the rest.
  EXPECT_EQ(saved_after_, (std::vector<std::size_t>{1, 2, 3}));
  EXPECT_EQ(text_at(json::parse(saved_[0]), {"zone"}), "fr-par-1");
  EXPECT_NE(text_at(json::parse(saved_[1]), {"address"}), "");
  EXPECT_NE(text_at(json::parse(saved_[2]), {"server"}), "");
  EXPECT_NE(text_at(json::parse(saved_[2]), {"volume"}), "");
}

TEST_F(ScalewayTest, AnImage_IsLookedUpOnce) {
  ASSERT_FALSE(place(world_.order()));
  ASSERT_FALSE(place(world_.order()));
  int lookups = 0;
  for (const json::value& one : world_.cloud()->requests()) {
    lookups += text_at(one, {"operation"}) == "images" ? 1 : 0;
  }
  EXPECT_EQ(lookups, 1);
}

TEST_F(ScalewayTest, Offers_AreTypesInOrderAndOfEachTheZones) {
  std::vector<std::string> names;
  for (const Offer& offer : world_.placer().offers())
    names.push_back(offer.type + " " + offer.zone);
  EXPECT_EQ(names, (std::vector<std::string>{"DEV1-S fr-par-1", "DEV1-S nl-ams-2",
                                             "PRO2-S fr-par-1", "PRO2-S nl-ams-2"}));
  EXPECT_EQ(world_.placer().offers().front().memory_mb, 2048 - kSystemMb);
}

TEST_F(ScalewayTest, NoStock_IsToldWhateverItsStatus_AndLeavesNothing) {
  for (int i = 0; i < 4; ++i) {  // the simulator has four statuses for it
    for (const char* on : {"create", "poweron"}) {
      world_.cloud()->fault("out_of_stock", on);
      const Order order = world_.order();
      const auto refusal = place(order);
      ASSERT_TRUE(refusal);
      EXPECT_EQ(refusal->trouble, Trouble::out_of_stock) << refusal->message;
      destroy(order);
    }
  }
  EXPECT_EQ(world_.left(), 0U);
}

TEST_F(ScalewayTest, BothFormsOfAQuota_AreToldFromAMissingRight) {
  for (const char* fault : {"quota", "quota_legacy"}) {
    world_.cloud()->fault(fault, "create");
    const Order order = world_.order();
    EXPECT_EQ(place(order)->trouble, Trouble::quota) << fault;
    destroy(order);
  }
  world_.cloud()->fault("forbidden", "create");
  const Order order = world_.order();
  const auto refusal = place(order);
  EXPECT_EQ(refusal->trouble, Trouble::refused);
  EXPECT_NE(refusal->message.find("compute_servers"), std::string::npos) << refusal->message;
  destroy(order);
}

TEST_F(ScalewayTest, APowerOnThatCameToNothing_IsAskedAgain) {
  world_.cloud()->fault("lost", "poweron");
  const Order order = world_.order();
  EXPECT_FALSE(place(order));
  destroy(order);
}

TEST_F(ScalewayTest, AServerThatPoweredItselfOff_IsTerminatedWhereItMayNotBeDeleted) {
  world_.cloud()->fault("stops_in_place");
  const Order order = world_.order();
  ASSERT_FALSE(place(order));
  const json::value state = world_.cloud()->state();
  const std::string server = text_at(array_at(state, {"servers"}).front(), {"id"});
  world_.cloud()->control("power_off", {{"server", server}});
  world_.cloud()->fault("forbidden", "delete", 1'000'000);
  destroy(order);
  EXPECT_EQ(world_.left(), 0U);
}

TEST_F(ScalewayTest, Lists_GoThroughAllPagesOfAllZones) {
  for (const char* zone : {"fr-par-1", "it-mil-1"}) {  // the second is not used any more
    world_.cloud()->control("plant",
                            {{"zone", zone},
                             {"tags", {"mecapy", "mecapy-home=house-1", "mecapy-machine=lost"}},
                             {"servers", 101},
                             {"volumes", 130},
                             {"addresses", 205}});
  }
  auto answer = await(world_.placer().list(base::after(seconds(60))));
  const auto& found = std::get<std::vector<Found>>(answer);
  std::set<std::string> ids;
  for (const Found& part : found) {
    ids.insert(part.kind + part.id);
    EXPECT_EQ(part.machine, "lost");
    if (part.kind != "address") EXPECT_TRUE(part.made) << part.kind;
  }
  EXPECT_EQ(ids.size(), world_.left());
}

TEST_F(ScalewayTest, AServerWhoseVolumeHasNoTagYet_IsTakenAwayWithIt) {
  const Order order = world_.order();
  world_.cloud()->fault("error", "tag_volume", 4);  // as often as it is tried
  ASSERT_TRUE(place(order));
  // Nothing is known of it but its tag.
  saved_ = {R"({"zone":"fr-par-1"})"};
  destroy(order);
  EXPECT_EQ(world_.left(), 0U);
}

}  // namespace
}  // namespace mecapy::clouds
