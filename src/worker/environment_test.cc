#include "worker/environment.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/test_folder.h"

namespace mecapy::worker {
namespace {

namespace fs = std::filesystem;

class EnvironmentName : public testing::Test {
 protected:
  EnvironmentName() {
    fs::create_directories(packages_ / "numpy-2.4.0.dist-info");
    fs::create_directories(packages_ / "numpy");
    fs::create_directories(runtime_ / "mecapy");
    write("a = 1\n");
  }
  void write(const std::string& source) { std::ofstream(runtime_ / "mecapy" / "_a.py") << source; }
  std::string name() const { return environment_name(packages_, runtime_); }

  base::TestFolder folder_;
  fs::path packages_ = folder_.path("packages");
  fs::path runtime_ = folder_.path("runtime");
};

TEST_F(EnvironmentName, TheSamePackagesAndRuntime_AreTheSame) {
  EXPECT_EQ(name(), name());
  EXPECT_EQ(name().size(), 21);
  const std::string before = name();
  fs::create_directories(packages_ / "numpy" / "__pycache__");
  EXPECT_EQ(name(), before);
}

TEST_F(EnvironmentName, AnotherVersionOrRuntime_IsAnother) {
  const std::string before = name();
  fs::rename(packages_ / "numpy-2.4.0.dist-info", packages_ / "numpy-2.4.1.dist-info");
  const std::string newer = name();
  EXPECT_NE(newer, before);
  fs::create_directories(packages_ / "scipy-1.17.0.dist-info");
  EXPECT_NE(name(), newer);
  const std::string packages = name();
  write("a = 2\n");
  EXPECT_NE(name(), packages);
}

}  // namespace
}  // namespace mecapy::worker
