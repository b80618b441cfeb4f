#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "base/test_folder.h"
#include "config/settings.h"

namespace mecapy::config {
namespace {

class SettingsFile : public testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream(path_) << text; }
  base::TestFolder folder_;  // tests run side by side
  std::string path_ = folder_.path("mecapy.toml");
};

TEST_F(SettingsFile, LaterSourcesWinAndTheOriginIsKept) {
  write("[server]\nport = 1\nbody_limit_mb = 2\n[limits]\nmax_memory_mb = 4096\n");
  const auto loaded =
      load({path_, {{"MECAPY_SERVER_PORT", "2"}, {"HOME", "/"}}, {{"server.port", "3"}}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->settings.server_port, 3);
  EXPECT_EQ(loaded->origin.at("server.port"), "--port");
  EXPECT_EQ(loaded->settings.server_body_limit_mb, 2);
  EXPECT_EQ(loaded->settings.ceilings.memory_mb, 4096);
  EXPECT_EQ(loaded->origin.at("server.body_limit_mb"), path_);
}

TEST_F(SettingsFile, ATypoNamesTheNearestSetting) {
  write("[server]\nprot = 1\n");
  const auto loaded = load({path_, {}, {}});
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("server.port"), std::string::npos)
      << loaded.error().message;
}

TEST_F(SettingsFile, ASyntaxErrorHasItsLine) {
  write("[server]\nport = = 1\n");
  const auto loaded = load({path_, {}, {}});
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("line 2"), std::string::npos) << loaded.error().message;
}

TEST(Settings, ATypoInTheEnvironmentIsAnError) {
  const auto loaded = load({"", {{"MECAPY_SERVER_PROT", "1"}}, {}});
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("MECAPY_SERVER_PORT"), std::string::npos);
}

TEST(Settings, WhatSaysWhichServerToCallIsNoSettingAndNoTypo) {
  EXPECT_TRUE(load({"", {{"MECAPY_URL", "x"}, {"MECAPY_TOKEN", "x"}, {"MECAPY_CA", "x"}}, {}}));
  const auto loaded = load({"", {{"MECAPY_TOKN", "1"}}, {}});
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message.find("MECAPY_TOKEN"), std::string::npos);
}

TEST(Settings, WrongTypesAndRangesNameTheSource) {
  for (const auto& [name, value] :
       std::map<std::string, std::string>{{"MECAPY_SERVER_PORT", "x"},
                                          {"MECAPY_SERVER_PORT", "70000"},
                                          {"MECAPY_SERVER_DRAIN_S", "nan"},
                                          {"MECAPY_QUEUE_CAPACITY", "1.5"},
                                          {"MECAPY_LIMITS_MAX_MEMORY_MB", "1000.5"}}) {
    const auto loaded = load({"", {{name, value}}, {}});
    ASSERT_FALSE(loaded) << name << value;
    EXPECT_EQ(loaded.error().message.rfind(name, 0), 0u) << loaded.error().message;
  }
}

TEST(Settings, AWordThatIsNotAllowedIsRefusedWithThoseThatAre) {
  const auto loaded = load({"", {}, {{"log_level", "verbose"}}});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message,
            "--log-level: log_level must be one of debug, info, warn, error, not \"verbose\"");
  EXPECT_EQ(load({"", {}, {{"log_level", "warn"}}})->origin["log_level"], "--log-level");
}

TEST(Settings, NamesAreDistinctAndSecretsMasked) {
  std::set<std::string> variables;
  Settings settings;
  settings.dev_token = "very secret";
  for (const SettingRow& row : setting_table()) {
    EXPECT_TRUE(variables.insert(row.environment()).second) << row.name;
    EXPECT_EQ(shown(row, settings).find("very secret"), std::string::npos);
    EXPECT_FALSE(row.meaning.empty());
  }
}

}  // namespace
}  // namespace mecapy::config
