#include "sandbox/folder_tree.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/fd.h"
#include "base/test_folder.h"

namespace mecapy::sandbox {
namespace {

namespace fs = std::filesystem;

base::Fd open_folder(const std::string& path) {
  return base::Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

// Deeper than a path may be long.
void make_deep(const std::string& top, int levels) {
  base::Fd here(::open(top.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < levels; ++i) {
    ASSERT_EQ(::mkdirat(here.get(), "d", 0700), 0);
    here = base::Fd(::openat(here.get(), "d", O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
}

TEST(FolderTree, OfAnyDepth_IsEmptied) {
  const base::TestFolder folder;
  make_deep(folder.path(""), 3000);
  EXPECT_TRUE(empty_folder(open_folder(folder.path("")).get()));
  EXPECT_TRUE(fs::is_empty(folder.path("")));
}

// What an earlier attempt left, or a run that knows how it is done.
TEST(FolderTree, WhereSomebodyHasTakenNames_IsEmptied) {
  const base::TestFolder folder;
  for (int i = 0; i < 3; ++i) {
    const std::string taken = folder.path(".mecapy-" + std::to_string(i));
    fs::create_directory(taken);
    make_deep(taken, 300);
  }
  EXPECT_TRUE(empty_folder(open_folder(folder.path("")).get()));
  EXPECT_TRUE(fs::is_empty(folder.path("")));
}

// In a child without the right to pass over modes, as an init is.
TEST(FolderTree, WhatIsClosed_IsMeasuredAndStaysClosed) {
  const base::TestFolder folder;
  fs::create_directories(folder.path("closed/below"));
  for (const char* name : {"closed/below", "closed", ""}) {
    ASSERT_EQ(::chown(folder.path(name).c_str(), 65534, 65534), 0);
  }
  ASSERT_EQ(::chmod(folder.path("closed").c_str(), 0), 0);
  const base::Fd top = open_folder(folder.path(""));
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(99);
    ::_exit(static_cast<int>(measure_folder(top.get(), {1U << 30, 100}).inodes));
  }
  int status = -1;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_EQ(WEXITSTATUS(status), 2);
  struct stat info {};
  ASSERT_EQ(::stat(folder.path("closed").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0U);
}

}  // namespace
}  // namespace mecapy::sandbox
