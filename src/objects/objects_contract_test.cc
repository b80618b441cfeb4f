// The contract of every object store.
#include "objects/objects_contract.h"

#include <fstream>

namespace mecapy::objects {
namespace {

const char* const kNoKeys[] = {
    "",   "/",    "../x", "/etc/passwd", "a//b",  ".hidden",      "a/../b", "a/.b",
    "a/", "a/.",  "./a",  "..",          "a\nb",  "a\\b",         "a:b",    "a?b=c",
    "*",  "a\tb", "a|b",  "a/b/..",      "a\xff", "\xe2\x80\xae",
};

std::vector<std::string> wrong_keys() {
  std::vector<std::string> keys(std::begin(kNoKeys), std::end(kNoKeys));
  keys.push_back(std::string("a\0b", 3));
  keys.push_back(std::string(1000, 'k'));
  keys.push_back("a/" + std::string(300, 'k'));
  return keys;
}

// Bytes of every value, different at every offset of the first thousands.
std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 + i / 251);
  return bytes;
}

// KiB of memory this process holds now.
long resident_kb() {
  std::ifstream status("/proc/self/status");
  std::string word;
  long kb = 0;
  while (status >> word) {
    if (word == "VmRSS:") status >> kb;
  }
  return kb;
}

TEST_P(ObjectsContract, PutObject_IsGivenBackByteForByte) {
  const std::string bytes = pattern(100'000);
  ASSERT_TRUE(put("results/run 1/a_b-c.json", bytes));
  EXPECT_EQ(get("results/run 1/a_b-c.json").value(), bytes);
  EXPECT_EQ(size("results/run 1/a_b-c.json").value(), 100'000);
}

TEST_P(ObjectsContract, EmptyObject_IsAnObject) {
  ASSERT_TRUE(put("empty", ""));
  EXPECT_EQ(get("empty").value(), "");
  EXPECT_EQ(size("empty").value(), 0);
  EXPECT_EQ(read("empty", 0, 10).value(), "");
}

TEST_P(ObjectsContract, UnknownKey_IsNotFound) {
  ASSERT_TRUE(put("a/b", "x"));
  for (const char* key : {"c", "a/c", "a/b/c", "a"}) {
    EXPECT_EQ(get(key).error().code, ErrorCode::not_found) << key;
    EXPECT_EQ(read(key, 0, 1).error().code, ErrorCode::not_found) << key;
    EXPECT_EQ(size(key).error().code, ErrorCode::not_found) << key;
  }
}

TEST_P(ObjectsContract, WrongKey_IsInvalidRequestEverywhere) {
  for (const std::string& key : wrong_keys()) {
    const auto wrong = ErrorCode::invalid_request;
    EXPECT_EQ(put(key, "x").error().code, wrong) << key;
    EXPECT_EQ(await(objects_->create(key, soon())).error().code, wrong) << key;
    EXPECT_EQ(size(key).error().code, wrong) << key;
    EXPECT_EQ(read(key, 0, 1).error().code, wrong) << key;
    EXPECT_EQ(get(key).error().code, wrong) << key;
    EXPECT_EQ(await(objects_->remove(key, soon())).error().code, wrong) << key;
  }
}

TEST_P(ObjectsContract, ExistingKey_IsConflictAndKeepsTheFirst) {
  ASSERT_TRUE(put("a", "first"));
  EXPECT_EQ(put("a", "second").error().code, ErrorCode::conflict);
  EXPECT_EQ(get("a").value(), "first");
}

TEST_P(ObjectsContract, KeyTakenWhileWriting_IsConflictAtCommit) {
  const auto writer = create("a");
  ASSERT_TRUE(await(writer->append("mine", soon())));
  ASSERT_TRUE(put("a", "theirs"));
  EXPECT_EQ(await(writer->commit(soon())).error().code, ErrorCode::conflict);
  EXPECT_EQ(get("a").value(), "theirs");
}

TEST_P(ObjectsContract, ConcurrentPutsOfOneKey_OneWins) {
  std::vector<awaitable<Result<void>>> calls;
  for (int i = 0; i < 16; ++i) {
    calls.push_back(objects_->put("race/key", std::to_string(i), soon()));
  }
  const auto answers = await_all(std::move(calls));
  std::set<std::string> winners;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i]) {
      winners.insert(std::to_string(i));
    } else {
      EXPECT_EQ(answers[i].error().code, ErrorCode::conflict);
    }
  }
  EXPECT_TRUE(winners.contains(get("race/key").value()));
  if (GetParam().decides_races) EXPECT_EQ(winners.size(), 1U);
  // Once it is over, nobody wins any more.
  EXPECT_EQ(put("race/key", "late").error().code, ErrorCode::conflict);
}

TEST_P(ObjectsContract, ConcurrentPutsOfManyKeys_AllArrive) {
  std::vector<awaitable<Result<void>>> calls;
  for (int i = 0; i < 32; ++i) {
    calls.push_back(
        objects_->put("deep/" + std::to_string(i % 4) + "/" + std::to_string(i), "x", soon()));
  }
  for (const auto& answer : await_all(std::move(calls))) EXPECT_TRUE(answer);
  for (int i = 0; i < 32; ++i) {
    EXPECT_TRUE(get("deep/" + std::to_string(i % 4) + "/" + std::to_string(i)));
  }
}

TEST_P(ObjectsContract, UncommittedObject_IsNotThere) {
  const auto writer = create("a");
  ASSERT_TRUE(await(writer->append("half", soon())));
  EXPECT_EQ(get("a").error().code, ErrorCode::not_found);
  EXPECT_EQ(size("a").error().code, ErrorCode::not_found);
  ASSERT_TRUE(await(writer->append(" and half", soon())));
  ASSERT_TRUE(await(writer->commit(soon())));
  EXPECT_EQ(get("a").value(), "half and half");
}

TEST_P(ObjectsContract, WritersDeadline_IsOfEachCallAlone) {
  const auto writer = create("a");
  const auto past = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(await(writer->append("late", past)).error().code, ErrorCode::deadline_exceeded);
  EXPECT_EQ(await(writer->commit(past)).error().code, ErrorCode::deadline_exceeded);
  ASSERT_TRUE(await(writer->append("in time", soon())));
  ASSERT_TRUE(await(writer->commit(soon())));
  EXPECT_EQ(get("a").value(), "in time");
}

TEST_P(ObjectsContract, DestroyedWriter_LeavesNothing) {
  {
    const auto writer = create("a");
    ASSERT_TRUE(await(writer->append("half", soon())));
  }
  EXPECT_EQ(get("a").error().code, ErrorCode::not_found);
  EXPECT_TRUE(put("a", "whole"));
}

// As what waits in an event loop is, which outlives what it waits for.
TEST_P(ObjectsContract, WriterDestroyedAfterItsStore_IsDestroyedAllTheSame) {
  const auto writer = create("a");
  ASSERT_TRUE(await(writer->append("half", soon())));
  objects_.reset();
}

TEST_P(ObjectsContract, CommittedObject_NoLongerChanges) {
  const auto writer = create("a");
  ASSERT_TRUE(await(writer->append("done", soon())));
  ASSERT_TRUE(await(writer->commit(soon())));
  EXPECT_EQ(await(writer->append("more", soon())).error().code, ErrorCode::conflict);
  EXPECT_EQ(await(writer->commit(soon())).error().code, ErrorCode::conflict);
  EXPECT_EQ(get("a").value(), "done");
}

TEST_P(ObjectsContract, Range_IsCutAtTheEnd) {
  const std::string bytes = pattern(10'000);
  ASSERT_TRUE(put("a", bytes));
  EXPECT_EQ(read("a", 0, 10'000).value(), bytes);
  EXPECT_EQ(read("a", 0, 1).value(), bytes.substr(0, 1));
  EXPECT_EQ(read("a", 5'000, 100).value(), bytes.substr(5'000, 100));
  EXPECT_EQ(read("a", 9'990, 100).value(), bytes.substr(9'990));
  EXPECT_EQ(read("a", 10'000, 1).value(), "");
  EXPECT_EQ(read("a", 99'999, 1).value(), "");
  EXPECT_EQ(read("a", 3, 0).value(), "");
  EXPECT_EQ(read("a", -1, 1).error().code, ErrorCode::invalid_request);
  EXPECT_EQ(read("a", 0, -1).error().code, ErrorCode::invalid_request);
}

TEST_P(ObjectsContract, ObjectLongerThanAskedFor_IsTooLarge) {
  ASSERT_TRUE(put("a", "12345"));
  EXPECT_EQ(get("a", 5).value(), "12345");
  EXPECT_EQ(get("a", 4).error().code, ErrorCode::too_large);
}

TEST_P(ObjectsContract, RemovedObject_IsGoneAndRemovingTwiceIsFine) {
  ASSERT_TRUE(put("a/b", "x"));
  EXPECT_TRUE(await(objects_->remove("a/b", soon())));
  EXPECT_EQ(get("a/b").error().code, ErrorCode::not_found);
  EXPECT_TRUE(await(objects_->remove("a/b", soon())));
  EXPECT_TRUE(await(objects_->remove("never/was", soon())));
}

TEST_P(ObjectsContract, RemoveOfAPrefix_KeepsWhatIsBelow) {
  ASSERT_TRUE(put("a/b", "x"));
  EXPECT_TRUE(await(objects_->remove("a", soon())));
  EXPECT_TRUE(get("a/b"));
}

TEST_P(ObjectsContract, Listing_GivesWhatIsBelowAFolderOnce) {
  using Keys = std::multiset<std::string>;
  for (const char* key : {"a/1", "a/2", "a/b/3", "a/b/c/4", "ab/5", "b"})
    ASSERT_TRUE(put(key, "x"));
  const Keys all = {"a/1", "a/2", "a/b/3", "a/b/c/4"};
  EXPECT_EQ(list("a"), all);
  EXPECT_EQ(list("a", 1), all);
  EXPECT_EQ(list("a/b"), (Keys{"a/b/3", "a/b/c/4"}));
  EXPECT_EQ(list("b"), Keys());  // an object, not a folder
  EXPECT_EQ(list("none"), Keys());
  ASSERT_TRUE(await(objects_->remove("a/1", soon())));
  EXPECT_EQ(list("a").count("a/1"), 0U);
}

TEST_P(ObjectsContract, Listing_IsCompleteWhileWhatItGaveIsRemoved) {
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(put("a/" + std::to_string(i), "x"));
  const auto listing = objects_->list("a");
  int given = 0;
  while (const auto batch = await(listing->next(50, soon())).value()) {
    for (const Listed& object : *batch) {
      ++given;
      ASSERT_TRUE(await(objects_->remove(object.key, soon())));
    }
  }
  EXPECT_EQ(given, 500);
}

TEST_P(ObjectsContract, Listing_TellsWhenAnObjectWasWritten) {
  const base::SystemClock clock;
  const auto second = std::chrono::seconds(1);  // file systems and services round
  const base::TimePoint before = clock.now() - second;
  ASSERT_TRUE(put("a/1", "x"));
  const auto batch = await(objects_->list("a")->next(10, soon())).value();
  ASSERT_EQ(batch->size(), 1U);
  EXPECT_GE(batch->front().written, before);
  EXPECT_LE(batch->front().written, clock.now() + second);
}

TEST_P(ObjectsContract, BigObject_IsStreamedInBoundedMemory) {
  constexpr std::int64_t kBlock = 1 << 20, kBlocks = 70;
  const std::string block = pattern(kBlock);
  const long before = resident_kb();
  const auto writer = create("big");
  for (int i = 0; i < kBlocks; ++i) ASSERT_TRUE(await(writer->append(block, soon())));
  ASSERT_TRUE(await(writer->commit(soon())));
  EXPECT_EQ(size("big").value(), kBlock * kBlocks);
  for (int i = 0; i < kBlocks; ++i) EXPECT_EQ(read("big", i * kBlock, kBlock).value(), block);
#if !__has_feature(address_sanitizer)  // which keeps freed memory for a while
  EXPECT_LT(resident_kb() - before, 20 * 1024);
#else
  static_cast<void>(before);
#endif
  EXPECT_EQ(get("big", kBlock).error().code, ErrorCode::too_large);
}

TEST_P(ObjectsContract, PassedDeadline_IsDeadlineExceeded) {
  const auto past = base::after(std::chrono::seconds(-1));
  const auto late = ErrorCode::deadline_exceeded;
  EXPECT_EQ(await(objects_->put("a", "x", past)).error().code, late);
  EXPECT_EQ(await(objects_->create("a", past)).error().code, late);
  EXPECT_EQ(await(objects_->stat("a", past)).error().code, late);
  EXPECT_EQ(await(objects_->read("a", 0, 1, past)).error().code, late);
  EXPECT_EQ(await(objects_->get("a", 1, past)).error().code, late);
  EXPECT_EQ(await(objects_->remove("a", past)).error().code, late);
  EXPECT_EQ(await(objects_->list("a")->next(1, past)).error().code, late);
  EXPECT_EQ(await(objects_->ping(past)).error().code, late);
  EXPECT_EQ(get("a").error().code, ErrorCode::not_found);
}

TEST_P(ObjectsContract, Ping_Answers) { EXPECT_TRUE(await(objects_->ping(soon()))); }

}  // namespace
}  // namespace mecapy::objects
