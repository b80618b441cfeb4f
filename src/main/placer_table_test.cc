// What is said of placers in more places than the table: the same everywhere.
#include "main/placer_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/test_folder.h"
#include "main/budgets.h"
#include "main/parts.h"
#include "main/placers.h"
#include "main/routing.h"
#include "wire/machine_json.h"

namespace mecapy::main {
namespace {

using config::Settings;

// Of who is asked for offers, and starts nothing.
class NoProcesses final : public clouds::Processes {
 public:
  bool start(const std::string&, bool) override { return false; }
  void end(const std::string&) override {}
  std::optional<bool> runs(const std::string&) const override { return std::nullopt; }
  std::vector<std::string> all() const override { return {}; }
};

// Every placer offers something, with and without graphics processors.
Settings with_gpus(std::string_view placer) {
  Settings s;
  s.machines_placers = placer;
  s.machines_local_cpus = 4;
  s.machines_local_gpus = 2;
  s.machines_slurm_cpus = 8;
  s.machines_slurm_gpus = 1;
  s.machines_scaleway_types = "DEV1-S:2:2048 L4-1-24G:8:49152:1";
  s.machines_openstack_region = "GRA11";
  s.machines_openstack_flavors = "b2-7:2:7000=e81b46c0 t1-45:8:46080:1=f81b46c0";
  return s;
}

std::string text_of(const clouds::Offer& offer) {
  std::ostringstream out;
  out << offer.type << " in " << offer.zone << ": " << offer.cpus << " CPUs, " << offer.memory_mb
      << " MiB, " << offer.gpus << " GPUs";
  return out.str();
}

std::vector<std::string> texts_of(const std::vector<clouds::Offer>& offers) {
  std::vector<std::string> texts;
  for (const clouds::Offer& offer : offers) texts.push_back(text_of(offer));
  return texts;
}

std::string page(const std::string& path) {
  std::ifstream file(MECAPY_SOURCE "/docs/" + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool says(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

// The line that begins so; "" when there is none.
std::string line_of(const std::string& text, std::string_view begin) {
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(begin)) return line;
  }
  return "";
}

TEST(Placers, WhatIsOffered_IsWhatIsRoutedAndPriced) {
  NoProcesses processes;
  for (const PlacerRow& row : placer_table()) {
    const Settings settings = with_gpus(row.name);
    const auto placers = open_placers(settings, "house", &processes);
    ASSERT_EQ(placers.size(), 1U) << row.name;
    EXPECT_EQ(placers[0]->name(), row.name);
    EXPECT_GE(placers[0]->offers().size(), 2U) << row.name;
    EXPECT_EQ(texts_of(machine_offers(settings)), texts_of(placers[0]->offers())) << row.name;
  }
}

TEST(Placers, WithoutProcesses_AreThoseThatNeedNone) {
  for (const PlacerRow& row : placer_table()) {
    const auto placers = open_placers(with_gpus(row.name), "house", nullptr);
    EXPECT_EQ(placers.size(), row.name == "local" ? 0U : 1U) << row.name;
  }
}

TEST(Placers, AnotherName_IsToldWithThoseThereAre) {
  Settings settings;
  settings.machines_placers = "echo";
  const auto fine = check_placers(settings);
  ASSERT_FALSE(fine);
  EXPECT_TRUE(says(fine.error().message, "there is no placer echo: there are local, scaleway, "));
  for (const PlacerRow& row : placer_table()) EXPECT_TRUE(says(fine.error().message, row.name));
}

TEST(Placers, OfThatSeeTheSameEverywhere_HaveOneWard) {
  EXPECT_EQ(ward_name("slurm"), "slurm");
  EXPECT_TRUE(ward_name("local").starts_with("local at "));
}

TEST(Placers, AreNamedInTheSettingTheContractAndTheDocuments) {
  const auto& settings = config::setting_table();
  const auto setting = std::ranges::find(settings, "machines.placers", &config::SettingRow::name);
  const std::vector<wire::ObjectSpec> specs = wire::machine_specs();
  const auto machine = std::ranges::find(specs, "Machine", &wire::ObjectSpec::name);
  const auto placer = std::ranges::find(machine->fields, "placer", &wire::FieldSpec::name);
  const std::string guide = page("long-runs.md");
  const std::string row_there = line_of(guide, "| `machines.placers` |");
  const std::string steps = line_of(guide, "Step by step: ");
  const std::string index = page("index.md");
  const std::string site = page("../mkdocs.yml");
  for (const PlacerRow& row : placer_table()) {
    const std::string name(row.name);
    const std::string link = "(backends/" + name + ".md)";
    EXPECT_TRUE(says(setting->meaning, name)) << name;
    EXPECT_TRUE(says(placer->meaning, name)) << name;
    EXPECT_TRUE(says(row_there, "[`" + name + "`]" + link)) << name;
    EXPECT_TRUE(says(steps, link)) << name;
    EXPECT_TRUE(says(index, link)) << name;
    EXPECT_TRUE(says(site, "- backends/" + name + ".md\n")) << name;
    EXPECT_TRUE(says(page("backends/" + name + ".md"), "\nplacers = \"" + name + "\"")) << name;
  }
}

// What the run of a GPU costs where machines have a price of their own: by the type it is placed
// on.
TEST(Placers, ARunWithGpus_IsEstimatedByTheTypeThatIsPlaced) {
  struct Case {
    const char* placer;
    const char* type;
  };
  const base::TestFolder folder;
  for (const Case& one : {Case{"local", "process with GPUs"}, Case{"slurm", "job with GPUs"}}) {
    Settings settings = with_gpus(one.placer);
    settings.cost_prices = folder.path(std::string(one.placer) + ".toml");
    std::ofstream(settings.cost_prices)
        << "[[machine]]\nplacer = \"" << one.placer << "\"\ntype = \"" << one.type
        << "\"\neur = 3\ncpus = 4\nmemory_gb = 2\ngpus = 1\nsource = \"us\"\ndate = \"2026-11\"\n";
    const auto routing = make_routing(settings);
    ASSERT_TRUE(routing) << routing.error().message;
    model::Limits limits;
    limits.cpus = 1;
    limits.gpus = 1;
    EXPECT_DOUBLE_EQ(expected_eur(*routing, model::kDedicated, limits, 1800), 1.5) << one.placer;
    limits.gpus = 0;
    EXPECT_EQ(expected_eur(*routing, model::kDedicated, limits, 1800), 0) << one.placer;
  }
}

// Nothing but the type that is placed is asked for: its row is enough.
TEST(Placers, ABudget_WantsThePriceOfEveryTypeThatIsPlaced) {
  const base::TestFolder folder;
  Settings settings = with_gpus("openstack");
  Budgets budgets;
  budgets.month_eur = 5;
  std::string rows;
  for (const char* type : {"b2-7", "t1-45"}) {
    settings.cost_prices = folder.path(std::string(type) + ".toml");
    std::ofstream(settings.cost_prices) << rows;
    const auto missing = check_budgets(budgets, make_routing(settings).value());
    ASSERT_FALSE(missing) << type;
    EXPECT_TRUE(says(missing.error().message, type)) << missing.error().message;
    rows += std::string("[[machine]]\nplacer = \"openstack\"\ntype = \"") + type +
            "\"\neur = 1\ncpus = 2\nmemory_gb = 7\nsource = \"us\"\ndate = \"2026-11\"\n";
  }
  settings.cost_prices = folder.path("whole.toml");
  std::ofstream(settings.cost_prices) << rows;
  EXPECT_TRUE(check_budgets(budgets, make_routing(settings).value()));
}

}  // namespace
}  // namespace mecapy::main
