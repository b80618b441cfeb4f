#include "base/own_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/test_folder.h"

namespace mecapy::base {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kSomebody = 12345;

// Tests run as root, so a folder can be anybody's.
class OwnFolder : public testing::Test {
 protected:
  OwnFolder() {
    fs::create_directory(above_);
    fs::create_directory(path_);
    ::chmod(above_.c_str(), 0755);
    ::chmod(path_.c_str(), 0700);
  }
  static void give(const std::string& path, uid_t owner, gid_t group, mode_t mode) {
    ASSERT_EQ(::lchown(path.c_str(), owner, group), 0);
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }
  // "" when it is one, else what is wrong.
  static std::string wrong(const std::string& path) {
    const auto fine = check_own_folder(path);
    return fine ? "" : fine.error().message;
  }
  TestFolder folder_;
  std::string above_ = folder_.path("above");
  std::string path_ = folder_.path("above/own");
};

TEST_F(OwnFolder, IsTakenAndOthersMayReadIt) {
  EXPECT_EQ(wrong(path_), "");
  EXPECT_EQ(wrong(path_ + "/"), "");
  give(path_, 0, 0, 0755);
  EXPECT_EQ(wrong(path_), "");
}

TEST_F(OwnFolder, OfSomebodyElseIsRefused) {
  give(path_, kSomebody, kSomebody, 0700);
  EXPECT_EQ(wrong(path_), path_ + " belongs to user 12345, and you are user 0");
}

TEST_F(OwnFolder, ThatOthersMayWriteIntoIsRefused) {
  for (const mode_t mode : {0720, 0702, 0777, 01777}) {
    give(path_, 0, 0, mode);
    EXPECT_EQ(wrong(path_), path_ + " may be written by others: chmod 700 it") << std::oct << mode;
  }
}

TEST_F(OwnFolder, ThatIsALinkOrAFileIsRefused) {
  const std::string link = folder_.path("link");
  fs::create_directory_symlink(path_, link);
  EXPECT_EQ(wrong(link), link + " is a link: name the folder itself");
  EXPECT_EQ(wrong(link + "/"), link + " is a link: name the folder itself");
  const std::string file = folder_.path("file");
  std::ofstream(file) << "x";
  EXPECT_EQ(wrong(file), file + " is no folder");
  const auto none = check_own_folder(folder_.path("none"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::not_found);
}

TEST_F(OwnFolder, WhoCouldExchangeItFromAboveIsTold) {
  give(above_, kSomebody, kSomebody, 0755);
  EXPECT_EQ(wrong(path_), above_ + " belongs to user 12345, neither you nor root");
  for (const auto& [group, mode] : {std::pair<gid_t, mode_t>{100, 0775}, {0, 0757}}) {
    give(above_, 0, group, mode);
    EXPECT_EQ(wrong(path_), above_ +
                                " may be written by others, who can exchange what is in it: "
                                "chmod go-w it");
    give(above_, 0, group, mode | S_ISVTX);
    EXPECT_EQ(wrong(path_), "");
  }
}

TEST_F(OwnFolder, LinksOnTheWayAreFollowedAsLongAsNobodyElseCanTurnThem) {
  const std::string link = folder_.path("link");
  const std::string chain = folder_.path("chain");
  fs::create_directory_symlink("link", chain);
  fs::create_directory_symlink(
      "../" + fs::path(above_).parent_path().filename().string() + "/above", link);
  EXPECT_EQ(wrong(chain + "/own"), "");
  ASSERT_EQ(::lchown(link.c_str(), kSomebody, kSomebody), 0);
  EXPECT_EQ(wrong(chain + "/own"), link + " belongs to user 12345, neither you nor root");
  ASSERT_EQ(::lchown(link.c_str(), 0, 0), 0);
  give(above_, kSomebody, kSomebody, 0755);
  EXPECT_EQ(wrong(chain + "/own"), above_ + " belongs to user 12345, neither you nor root");
}

}  // namespace
}  // namespace mecapy::base
