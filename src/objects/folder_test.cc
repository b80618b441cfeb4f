// What the folder of objects promises beside the contract: its files, its links, a failing disk.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <ctime>
#include <fstream>

#include "base/test_folder.h"
#include "objects/objects_contract.h"

namespace mecapy::objects {
using base::TestFolder;
namespace {

namespace fs = std::filesystem;

struct OwnedObjects {
  TestFolder folder;
  std::unique_ptr<ObjectStore> objects;
};

std::shared_ptr<ObjectStore> make_owned() {
  auto owned = std::make_shared<OwnedObjects>();
  owned->objects = open_folder(owned->folder.path("objects")).value();
  return {owned, owned->objects.get()};
}

INSTANTIATE_TEST_SUITE_P(Folder, ObjectsContract,
                         testing::Values(ObjectsFactory{"folder", make_owned}));

base::Deadline soon() { return base::after(std::chrono::minutes(1)); }

std::unique_ptr<ObjectStore> open_ok(const std::string& path) { return open_folder(path).value(); }

std::size_t files_in(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

unsigned mode_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 0777 : 0;
}

// No file of this process may grow past `bytes` while this lives: a full disk, for any user.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  sighandler_t handler_;
  rlimit before_{};
};

TEST(Folder, MissingFolder_IsMadeWithItsParentsForItsOwnerOnly) {
  const TestFolder test;
  const auto objects = open_ok(test.path("a/b/objects/"));
  ASSERT_TRUE(await(objects->put("results/x", "1", soon())));
  EXPECT_EQ(mode_of(test.path("a/b/objects")), 0700U);
  EXPECT_EQ(mode_of(test.path("a/b/objects/results")), 0700U);
  EXPECT_EQ(mode_of(test.path("a/b/objects/results/x")), 0600U);
}

TEST(Folder, Objects_AreThereAfterReopening) {
  const TestFolder test;
  { ASSERT_TRUE(await(open_ok(test.path("o"))->put("a/b", "kept", soon()))); }
  EXPECT_EQ(await(open_ok(test.path("o"))->get("a/b", 10, soon())).value(), "kept");
}

TEST(Folder, TemporaryFiles_AreGoneAfterEveryWayToEnd) {
  const TestFolder test;
  {
    const auto objects = open_ok(test.path("o"));
    ASSERT_TRUE(await(objects->put("a", "1", soon())));
    ASSERT_FALSE(await(objects->put("a", "2", soon())));
    ASSERT_TRUE(await(objects->ping(soon())));
    auto writer = await(objects->create("b", soon())).value();
    ASSERT_TRUE(await(writer->append("half", soon())));
    EXPECT_EQ(files_in(test.path("o/.tmp")), 1U);
  }  // the writer, then the store, which waits for the removal
  EXPECT_EQ(files_in(test.path("o/.tmp")), 0U);
  EXPECT_FALSE(fs::exists(test.path("o/b")));
  EXPECT_EQ(files_in(test.path("o/ping")), 0U);
}

TEST(Folder, TemporaryFileOfAWriter_IsGoneWithIt_AlsoAfterTheStore) {
  const TestFolder test;
  auto objects = open_ok(test.path("o"));
  auto writer = await(objects->create("a", soon())).value();
  objects.reset();
  EXPECT_EQ(files_in(test.path("o/.tmp")), 1U);
  writer.reset();
  EXPECT_EQ(files_in(test.path("o/.tmp")), 0U);
}

TEST(Folder, StaleTemporaryFiles_AreRemovedAtTheStart) {
  const TestFolder test;
  { open_ok(test.path("o")); }
  const auto make = [&](const std::string& name, std::time_t age) {
    std::ofstream(test.path("o/.tmp/" + name)) << "left over";
    const timespec then{std::time(nullptr) - age, 0};
    const timespec times[2] = {then, then};
    ::utimensat(AT_FDCWD, test.path("o/.tmp/" + name).c_str(), times, 0);
  };
  make("old", 3700);
  make("young", 3000);
  const auto objects = open_ok(test.path("o"));
  EXPECT_FALSE(fs::exists(test.path("o/.tmp/old")));
  EXPECT_TRUE(fs::exists(test.path("o/.tmp/young")));
}

TEST(Folder, SymbolicLinks_AreNeverFollowed) {
  const TestFolder test;
  const auto objects = open_ok(test.path("o"));
  fs::create_directory(test.path("outside"));
  std::ofstream(test.path("outside/secret")) << "secret";
  fs::create_directory_symlink(test.path("outside"), test.path("o/out"));
  fs::create_symlink(test.path("outside/secret"), test.path("o/link"));
  for (const char* key : {"out/secret", "link"}) {
    EXPECT_EQ(await(objects->get(key, 100, soon())).error().code, ErrorCode::not_found) << key;
    EXPECT_EQ(await(objects->stat(key, soon())).error().code, ErrorCode::not_found) << key;
  }
  EXPECT_FALSE(await(objects->put("out/new", "x", soon())));
  EXPECT_FALSE(await(objects->put("link", "x", soon())));
  EXPECT_TRUE(await(objects->remove("out/secret", soon())));
  EXPECT_TRUE(fs::exists(test.path("outside/secret")));
  EXPECT_FALSE(fs::exists(test.path("outside/new")));
}

TEST(Folder, PipeInTheFolder_DoesNotHoldAReader) {
  const TestFolder test;
  const auto objects = open_ok(test.path("o"));
  ASSERT_EQ(::mkfifo(test.path("o/pipe").c_str(), 0600), 0);
  EXPECT_EQ(await(objects->get("pipe", 100, soon())).error().code, ErrorCode::not_found);
}

TEST(Folder, KeyBelowAnObject_IsConflict) {
  const TestFolder test;
  const auto objects = open_ok(test.path("o"));
  ASSERT_TRUE(await(objects->put("a", "x", soon())));
  EXPECT_EQ(await(objects->put("a/b", "x", soon())).error().code, ErrorCode::conflict);
  ASSERT_TRUE(await(objects->put("c/d", "x", soon())));
  EXPECT_EQ(await(objects->put("c", "x", soon())).error().code, ErrorCode::conflict);
}

TEST(Folder, FileInThePlaceOfTheFolder_IsStorage) {
  const TestFolder test;
  std::ofstream(test.path("file")) << "x";
  EXPECT_EQ(open_folder(test.path("file")).error().code, ErrorCode::storage);
  EXPECT_EQ(open_folder(test.path("file/below")).error().code, ErrorCode::storage);
}

TEST(Folder, FolderRemovedWhileInUse_IsStorage) {
  const TestFolder test;
  const auto objects = open_ok(test.path("o"));
  fs::remove_all(test.path("o"));
  EXPECT_EQ(await(objects->put("a", "x", soon())).error().code, ErrorCode::storage);
  EXPECT_EQ(await(objects->create("a", soon())).error().code, ErrorCode::storage);
  EXPECT_EQ(await(objects->ping(soon())).error().code, ErrorCode::storage);
}

TEST(Folder, FullDisk_IsStorageAndLeavesNoObject) {
  const TestFolder test;
  {
    const auto objects = open_ok(test.path("o"));
    const auto writer = await(objects->create("streamed", soon())).value();
    {
      const FileSizeLimit limit(1000);
      EXPECT_EQ(await(objects->put("a", std::string(5000, 'x'), soon())).error().code,
                ErrorCode::storage);
      EXPECT_EQ(await(writer->append(std::string(5000, 'x'), soon())).error().code,
                ErrorCode::storage);
    }
    EXPECT_EQ(await(writer->commit(soon())).error().code, ErrorCode::storage);
    EXPECT_EQ(await(objects->stat("a", soon())).error().code, ErrorCode::not_found);
    EXPECT_EQ(await(objects->stat("streamed", soon())).error().code, ErrorCode::not_found);
    EXPECT_TRUE(await(objects->put("a", std::string(5000, 'x'), soon())));
  }
  EXPECT_EQ(files_in(test.path("o/.tmp")), 0U);
}

}  // namespace
}  // namespace mecapy::objects
