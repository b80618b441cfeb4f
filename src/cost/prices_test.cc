#include "cost/prices.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/test_folder.h"

namespace mecapy::cost {
namespace {

TEST(ShippedPrices, EachRowHasItsSourceAndDate_AndAFigureOrWhyThereIsNone) {
  const auto prices = load_prices("");
  ASSERT_TRUE(prices) << prices.error().message;
  std::vector<const Price*> rows;
  for (const Price& price : prices->items) rows.push_back(&price);
  for (const Machine& machine : prices->machines) rows.push_back(&machine.hour);
  EXPECT_GT(rows.size(), 40u);
  for (const Price* row : rows) {
    EXPECT_FALSE(row->source.empty()) << row->item;
    EXPECT_GE(row->date.size(), 7u) << row->item;
    EXPECT_NE(row->eur.has_value(), !row->unknown.empty()) << row->item;
  }
}

struct Figure {
  const char* item;
  double eur;
  double free;
  const char* date;
};
TEST(ShippedPrices, AreThoseOfThePriceLists) {
  const Prices prices = load_prices("").value();
  for (const Figure& figure : {Figure{"serverless.memory", 0.000001, 400'000, "2025-04"},
                               Figure{"serverless.vcpu", 0.00001, 200'000, "2025-04"},
                               Figure{"objects.storage", 0.0146, 0, "2025-04"},
                               Figure{"objects.egress", 0.01, 75, "2025-04"}}) {
    const Price* const price = prices.item(figure.item);
    ASSERT_NE(price, nullptr) << figure.item;
    EXPECT_EQ(price->eur, figure.eur) << figure.item;
    EXPECT_EQ(price->free_per_month, figure.free) << figure.item;
    EXPECT_EQ(price->date, figure.date) << figure.item;
  }
}

struct Size {
  const char* type;
  double eur;
  int cpus;
  double memory_gb;
  int gpus;
};
TEST(ShippedPrices, HaveEachMachineOfThePriceListWithItsSize) {
  const Prices prices = load_prices("").value();
  for (const Size& size :
       {Size{"DEV1-S", 0.008976, 2, 2, 0},         Size{"DEV1-M", 0.020196, 3, 4, 0},
        Size{"DEV1-L", 0.04284, 4, 8, 0},          Size{"DEV1-XL", 0.065076, 4, 12, 0},
        Size{"GP1-XS", 0.09282, 4, 16, 0},         Size{"GP1-S", 0.19074, 8, 32, 0},
        Size{"GP1-M", 0.38352, 16, 64, 0},         Size{"GP1-L", 0.77418, 32, 128, 0},
        Size{"GP1-XL", 1.67382, 48, 256, 0},       Size{"PRO2-XXS", 0.0561, 2, 8, 0},
        Size{"PRO2-XS", 0.1122, 4, 16, 0},         Size{"PRO2-S", 0.22338, 8, 32, 0},
        Size{"PRO2-M", 0.44676, 16, 64, 0},        Size{"PRO2-L", 0.89454, 32, 128, 0},
        Size{"PLAY2-PICO", 0.01428, 1, 2, 0},      Size{"PLAY2-NANO", 0.02754, 2, 4, 0},
        Size{"PLAY2-MICRO", 0.05508, 4, 8, 0},     Size{"L4-1-24G", 0.7875, 8, 48, 1},
        Size{"L40S-1-48G", 1.469916, 8, 96, 1},    Size{"H100-1-80G", 2.8665, 24, 240, 1},
        Size{"H100-SXM-2-80G", 6.6198, 32, 240, 2}}) {
    const Machine* const machine = prices.machine("scaleway", size.type);
    ASSERT_NE(machine, nullptr) << size.type;
    EXPECT_EQ(machine->hour.eur, size.eur) << size.type;
    EXPECT_EQ(machine->hour.date, "2026-07") << size.type;
    EXPECT_EQ(machine->cpus, size.cpus) << size.type;
    EXPECT_EQ(machine->memory_gb, size.memory_gb) << size.type;
    EXPECT_EQ(machine->gpus, size.gpus) << size.type;
  }
}

TEST(ShippedPrices, WhatNobodyFound_SaysSo) {
  const Prices prices = load_prices("").value();
  for (const char* item : {"postgresql.DB-DEV-S", "redis.RED1-micro", "api.clever-cloud-nano"}) {
    ASSERT_NE(prices.item(item), nullptr) << item;
    EXPECT_FALSE(prices.item(item)->eur) << item;
  }
  ASSERT_NE(prices.machine("openstack", "b3-8"), nullptr);
  EXPECT_FALSE(prices.machine("openstack", "b3-8")->hour.eur);
}

class OwnPrices : public testing::Test {
 protected:
  Result<Prices> load(const std::string& text) {
    std::ofstream(path_) << text;
    return load_prices(path_);
  }
  base::TestFolder folder_;
  std::string path_ = folder_.path("own.toml");
};

TEST_F(OwnPrices, GoOverTheRowsOfTheirName_AndLeaveTheOthers) {
  const auto prices = load(R"(
[[price]]
item = "serverless.vcpu"
unit = "vCPU-s"
eur = 0.00002
source = "the bill of March"
date = "2027-03-01"
[[machine]]
placer = "scaleway"
type = "DEV1-S"
eur = 1
cpus = 2
memory_gb = 2
source = "the bill of March"
date = "2027-03"
)");
  ASSERT_TRUE(prices) << prices.error().message;
  EXPECT_EQ(prices->item("serverless.vcpu")->eur, 0.00002);
  EXPECT_EQ(prices->item("serverless.vcpu")->free_per_month, 0);  // the whole row is the own one
  EXPECT_EQ(prices->item("serverless.vcpu")->source, "the bill of March");
  EXPECT_EQ(prices->item("serverless.memory")->eur, 0.000001);
  EXPECT_EQ(prices->machine("scaleway", "DEV1-S")->hour.eur, 1);
  EXPECT_EQ(prices->machine("scaleway", "DEV1-M")->hour.eur, 0.020196);
  const Prices shipped = load_prices("").value();
  EXPECT_EQ(prices->items.size(), shipped.items.size());
  EXPECT_EQ(prices->machines.size(), shipped.machines.size());
}

TEST_F(OwnPrices, AddMachinesBesideThose) {
  const auto prices =
      load(R"(machine = [{placer = "openstack", type = "c3-8", eur = 0.1, cpus = 4, memory_gb = 8,)"
           R"( source = "the console", date = "2026-12"}])");
  ASSERT_TRUE(prices) << prices.error().message;
  ASSERT_NE(prices->machine("openstack", "c3-8"), nullptr);
  EXPECT_EQ(prices->machine("openstack", "c3-8")->hour.eur, 0.1);
}

TEST_F(OwnPrices, AnEmptyFileChangesNothing) {
  const auto prices = load("machine = []\n");
  ASSERT_TRUE(prices) << prices.error().message;
  EXPECT_EQ(prices->items.size(), load_prices("")->items.size());
}

struct Wrong {
  std::string text;
  std::string said;
};
constexpr const char* kEnd = R"(, source = "s", date = "2026-12"})";
std::string price(const std::string& members) { return "price = [{" + members + kEnd + "]"; }
std::string machine(const std::string& members) {
  return R"(machine = [{placer = "scaleway", type = "X", )" + members + kEnd + "]";
}
const std::string kVcpu = R"(item = "serverless.vcpu", unit = "vCPU-s", )";

TEST_F(OwnPrices, WhatIsNoRow_IsNamedWithItsPlace) {
  for (const Wrong& wrong : {
           Wrong{"price = [", "error"},
           Wrong{"price = 3", "price must be a list of rows"},
           Wrong{"price = [3]", "price must be a list of rows"},
           Wrong{"prices = []", "not of prices; did you mean price?"},
           Wrong{price(kVcpu + "eur = \"1\""),
                 "price 1 (serverless.vcpu): eur must be a number, at least 0"},
           Wrong{price(kVcpu + "eur = -1"), "(serverless.vcpu): eur must be a number, at least 0"},
           Wrong{price(kVcpu + "eur = nan"), "(serverless.vcpu): eur must be a number, at least 0"},
           Wrong{price(kVcpu + "eur = 1, fre_per_month = 3"),
                 "has no member fre_per_month; did you mean free_per_month?"},
           Wrong{price(kVcpu + "free_per_month = 3"),
                 "(serverless.vcpu): must have eur, or unknown with the reason"},
           Wrong{price(kVcpu + "eur = 1, unknown = \"x\""), "must have eur, or unknown"},
           Wrong{price(R"(item = "serverless.vcpu", unit = "vCPU-h", eur = 1)"),
                 "(serverless.vcpu): unit must be vCPU-s"},
           Wrong{price(R"(item = "serverless.vpcu", unit = "vCPU-s", eur = 1)"),
                 "there is no such item; did you mean serverless.vcpu?"},
           Wrong{price(R"(unit = "vCPU-s", eur = 1)"), "price 1 (): item is missing"},
           Wrong{"price = [{" + kVcpu + R"(eur = 1, date = "2026-12"}])", "source is missing"},
           Wrong{"price = [{" + kVcpu + R"(eur = 1, source = "s"}])", "date is missing"},
           Wrong{"price = [{" + kVcpu + R"(eur = 1, source = "s", date = "12/2026"}])",
                 "date must be like 2026-07 or 2026-07-15"},
           Wrong{"price = [{" + kVcpu + R"(eur = 1, source = "s", date = "2026-02-30"}])",
                 "date must be like 2026-07 or 2026-07-15"},
           Wrong{"price = [{" + kVcpu + R"(eur = 1, source = "s", date = "2026-13"}])",
                 "date must be like 2026-07 or 2026-07-15"},
           Wrong{machine("eur = 1, memory_gb = 2"), "machine 1 (scaleway/X): cpus is missing"},
           Wrong{machine("eur = 1, memory_gb = 2, cpus = 1.5"),
                 "(scaleway/X): cpus must be a whole number, at least 1"},
           Wrong{machine("eur = 1, memory_gb = 2, cpus = 2, free_per_month = 1"),
                 "has no member free_per_month"},
       }) {
    const auto prices = load(wrong.text);
    ASSERT_FALSE(prices) << wrong.text;
    EXPECT_EQ(prices.error().code, ErrorCode::usage);
    EXPECT_EQ(prices.error().message.rfind(path_ + ": ", 0), 0u) << prices.error().message;
    EXPECT_NE(prices.error().message.find(wrong.said == "error" ? "at line 1" : wrong.said),
              std::string::npos)
        << wrong.text << "\n"
        << prices.error().message;
  }
}

TEST_F(OwnPrices, ARowTwice_IsNamed) {
  const std::string row = "[[price]]\n" + std::string(R"(item = "serverless.vcpu"
unit = "vCPU-s"
eur = 1
source = "s"
date = "2026-12"
)");
  const auto prices = load(row + row);
  ASSERT_FALSE(prices);
  EXPECT_EQ(prices.error().message, path_ + ": price 2 (serverless.vcpu): is there twice");
}

TEST_F(OwnPrices, AFileThatCannotBeRead_IsNamed) {
  for (const std::string& path : {folder_.path("absent.toml"), folder_.path(".")}) {
    const auto prices = load_prices(path);
    ASSERT_FALSE(prices);
    EXPECT_EQ(prices.error().message, "cost.prices: " + path + " cannot be read");
  }
}

}  // namespace
}  // namespace mecapy::cost
