#include "base/own_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/test_folder.h"

namespace mecapy::base {
namespace {

constexpr uid_t kSomebody = 12345;

// Tests run as root, so a file can be anybody's.
class OwnFile : public testing::Test {
 protected:
  OwnFile() { std::ofstream(path_) << "secret\n"; }
  // "" when it is read, else what is wrong.
  std::string wrong(Whose whose = Whose::mine_or_roots, std::size_t most = 100) const {
    const auto text = read_own_file(path_, most, whose);
    if (text) EXPECT_EQ(*text, "secret\n");
    return text ? "" : text.error().message.substr(path_.size() + 1);
  }
  void give(uid_t owner, gid_t group, mode_t mode) const {
    ASSERT_EQ(::chown(path_.c_str(), owner, group), 0);
    ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
  }
  TestFolder folder_;
  std::string path_ = folder_.path("token");
};

TEST_F(OwnFile, IsReadWhole) {
  EXPECT_EQ(wrong(), "");
  EXPECT_EQ(wrong(Whose::mine_or_roots, 7), "");
  EXPECT_EQ(wrong(Whose::mine_or_roots, 6), "is too large");
}

TEST_F(OwnFile, OfSomebodyElseIsRefused) {
  give(kSomebody, kSomebody, 0600);
  EXPECT_EQ(wrong(), "belongs to user 12345, neither you nor root");
  EXPECT_NE(wrong(Whose::mine_roots_or_folders), "");
}

TEST_F(OwnFile, OfTheFoldersOwnerIsReadByRootWhereThatIsWanted) {
  give(kSomebody, kSomebody, 0600);
  ASSERT_EQ(::chown(folder_.path("").c_str(), kSomebody, kSomebody), 0);
  EXPECT_EQ(wrong(Whose::mine_roots_or_folders), "");
  EXPECT_NE(wrong(Whose::mine_or_roots), "");
}

TEST_F(OwnFile, ThatOthersMayWriteToIsRefused) {
  give(0, 0, 0664);  // a group of the owner's own
  EXPECT_EQ(wrong(), "");
  for (const auto& [group, mode] : {std::pair<gid_t, mode_t>{100, 0664}, {0, 0646}, {0, 0666}}) {
    give(0, group, mode);
    const auto text = read_own_file(path_, 100, Whose::mine_or_roots);
    ASSERT_FALSE(text) << group << std::oct << mode;
    EXPECT_EQ(text.error().message, "others may write to " + path_ + ": chmod go-w it");
  }
}

TEST_F(OwnFile, ThatIsNoneIsToldAndNoLinkIsFollowed) {
  const std::string link = folder_.path("link");
  ASSERT_EQ(::symlink(path_.c_str(), link.c_str()), 0);
  EXPECT_EQ(read_own_file(link, 100, Whose::mine_or_roots).error().message, link + " is a link");
  const std::string pipe = folder_.path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(read_own_file(pipe, 100, Whose::mine_or_roots).error().message, pipe + " is no file");
  for (const char* name : {"absent", "token/absent"}) {
    const auto none = read_own_file(folder_.path(name), 100, Whose::mine_or_roots);
    EXPECT_EQ(none.error().code, ErrorCode::not_found) << name;
  }
}

}  // namespace
}  // namespace mecapy::base
