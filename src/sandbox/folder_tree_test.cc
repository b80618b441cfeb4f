#include "sandbox/folder_tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/fd.h"
#include "base/test_folder.h"

namespace mecapy::sandbox {
namespace {

namespace fs = std::filesystem;

// Deeper than a path may be long.
void make_deep(const std::string& top, int levels) {
  base::Fd here(::open(top.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < levels; ++i) {
    ASSERT_EQ(::mkdirat(here.get(), "d", 0700), 0);
    here = base::Fd(::openat(here.get(), "d", O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
}

bool empty(const std::string& path) {
  const base::Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return empty_folder(folder.get());
}

TEST(EmptyFolder, OfAnyDepth) {
  const base::TestFolder folder;
  make_deep(folder.path(""), 3000);
  EXPECT_TRUE(empty(folder.path("")));
  EXPECT_TRUE(fs::is_empty(folder.path("")));
}

// What an earlier attempt left, or a run that knows how it is done.
TEST(EmptyFolder, WhereSomebodyHasTakenNames) {
  const base::TestFolder folder;
  for (int i = 0; i < 3; ++i) {
    const std::string taken = folder.path(".mecapy-" + std::to_string(i));
    fs::create_directory(taken);
    make_deep(taken, 300);
  }
  EXPECT_TRUE(empty(folder.path("")));
  EXPECT_TRUE(fs::is_empty(folder.path("")));
}

}  // namespace
}  // namespace mecapy::sandbox
