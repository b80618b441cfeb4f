#include "clouds/slurm_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/id.h"
#include "base/test_folder.h"

namespace mecapy::clouds {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kSomebody = 12345;

// Tests run as root, so a folder can be anybody's.
class SlurmFolderTest : public testing::Test {
 protected:
  base::TestFolder folder_;
  std::string root_ = folder_.path("installation");
  std::string elsewhere_ = folder_.path("elsewhere");
  std::string machine_ = base::make_uuid7();
  SlurmFolder jobs_{root_};
};

TEST_F(SlurmFolderTest, IsMadeForThisUserAloneAndTakenAway) {
  EXPECT_TRUE(jobs_.remove(machine_));
  ASSERT_TRUE(jobs_.make(machine_, "t0ken"));
  struct stat info {};
  for (const auto& [path, mode] : {std::pair<std::string, mode_t>{root_, 0700},
                                   {jobs_.of(machine_), 0700},
                                   {jobs_.script(machine_), 0600},
                                   {jobs_.of(machine_) + "/token", 0600}}) {
    ASSERT_EQ(::lstat(path.c_str(), &info), 0) << path;
    EXPECT_EQ(info.st_mode & 07777, mode) << path;
  }
  EXPECT_TRUE(jobs_.remove(machine_));
  EXPECT_FALSE(jobs_.has(machine_));
}

TEST_F(SlurmFolderTest, NothingIsWrittenOrRemovedWhereALinkOfSomebodyElseLeads) {
  fs::create_directories(elsewhere_ + "/" + machine_);
  ::chmod(elsewhere_.c_str(), 0777);
  fs::create_directory_symlink(elsewhere_, root_);
  ASSERT_EQ(::lchown(root_.c_str(), kSomebody, kSomebody), 0);
  const std::string other = base::make_uuid7();
  const auto made = jobs_.make(other, "t0ken");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, root_ + " is a link: name the folder itself");
  EXPECT_FALSE(fs::exists(elsewhere_ + "/" + other));
  EXPECT_FALSE(jobs_.remove(machine_));
  EXPECT_TRUE(fs::exists(elsewhere_ + "/" + machine_));
}

TEST_F(SlurmFolderTest, NothingIsWrittenWhereSomebodyElseCouldExchangeIt) {
  ASSERT_TRUE(jobs_.make(base::make_uuid7(), "t0ken"));
  const std::string above = fs::path(root_).parent_path().string();
  for (const std::string& path : {root_, above}) {
    for (const auto& [owner, mode] : {std::pair<uid_t, mode_t>{kSomebody, 0700}, {0, 0777}}) {
      ASSERT_EQ(::chown(path.c_str(), owner, 0), 0);
      ASSERT_EQ(::chmod(path.c_str(), mode), 0);
      EXPECT_FALSE(jobs_.make(machine_, "t0ken")) << path;
      EXPECT_FALSE(jobs_.has(machine_)) << path;
    }
    ASSERT_EQ(::chown(path.c_str(), 0, 0), 0);
    ASSERT_EQ(::chmod(path.c_str(), 0700), 0);
    EXPECT_TRUE(jobs_.make(base::make_uuid7(), "t0ken")) << path;
  }
}

}  // namespace
}  // namespace mecapy::clouds
