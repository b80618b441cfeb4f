// What makes an object survive a power cut: the order of the system calls. The functions here stand
// in for libc's in this program; they do the same and take notes.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mutex>
#include <string>
#include <vector>

#include "base/test_await.h"
#include "base/test_folder.h"
#include "objects/objects.h"

namespace {

std::mutex notes_lock;
std::vector<std::string> notes;

void note(std::string what) {
  const std::lock_guard lock(notes_lock);
  notes.push_back(std::move(what));
}

std::vector<std::string> take_notes() {
  const std::lock_guard lock(notes_lock);
  return std::exchange(notes, {});
}

}  // namespace

extern "C" int fsync(int fd) {
  struct stat info {};
  ::fstat(fd, &info);
  note(S_ISDIR(info.st_mode) ? "sync a folder" : "sync a file");
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

extern "C" int linkat(int from, const char* old_name, int to, const char* name,
                      int flags) noexcept {
  note("name it");
  return static_cast<int>(::syscall(SYS_linkat, from, old_name, to, name, flags));
}

extern "C" int mkdirat(int at, const char* name, mode_t mode) noexcept {
  const int made = static_cast<int>(::syscall(SYS_mkdirat, at, name, mode));
  if (made == 0) note("make a folder");
  return made;
}

namespace mecapy::objects {
namespace {

using Notes = std::vector<std::string>;

base::Deadline soon() { return base::after(std::chrono::minutes(1)); }

TEST(FolderDurability, WhatIsNamedWasSyncedAndItsNameIsSyncedBeforeItCounts) {
  const base::TestFolder place;
  take_notes();
  const auto objects = open_folder(place.path("objects")).value();
  EXPECT_EQ(take_notes(), (Notes{"make a folder", "sync a folder"}));
  ASSERT_TRUE(base::await(objects->put("a/b", "1", soon())));
  EXPECT_EQ(take_notes(),
            (Notes{"sync a file", "make a folder", "sync a folder", "name it", "sync a folder"}));
  ASSERT_TRUE(base::await(objects->put("a/c", "2", soon())));
  EXPECT_EQ(take_notes(), (Notes{"sync a file", "name it", "sync a folder"}));
}

TEST(FolderDurability, AStreamedObjectIsSyncedAfterItsLastByteAndBeforeItsName) {
  const base::TestFolder place;
  const auto objects = open_folder(place.path("objects")).value();
  const auto writer = base::await(objects->create("a", soon())).value();
  take_notes();
  ASSERT_TRUE(base::await(writer->append("1", soon())));
  ASSERT_TRUE(base::await(writer->append("2", soon())));
  EXPECT_EQ(take_notes(), Notes{});
  ASSERT_TRUE(base::await(writer->commit(soon())));
  EXPECT_EQ(take_notes(), (Notes{"sync a file", "name it", "sync a folder"}));
}

}  // namespace
}  // namespace mecapy::objects
