#include "sandbox/user_ids.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "base/test_folder.h"

namespace mecapy::sandbox {
namespace {

constexpr std::uint32_t kWanted = 200'000;

class UserIds : public testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) {
    std::ofstream(places_.etc + "/" + file) << text;
  }
  // The first id of a block of `count`, which stays claimed until the end of the test.
  std::uint32_t claim(std::uint32_t wanted, std::uint32_t count) {
    auto block = claim_ids(wanted, count, places_);
    EXPECT_TRUE(block) << block.error().message;
    if (!block) return 0;
    EXPECT_EQ(block->last, block->first + count - 1);
    kept_.push_back(std::move(*block));
    return kept_.back().first;
  }

  base::TestFolder folder_;
  IdPlaces places_{folder_.path("run"), folder_.path("")};
  std::vector<IdBlock> kept_;
};

TEST_F(UserIds, FreeOnesAreTakenWhereTheyAreWanted) {
  EXPECT_EQ(claim(kWanted, 3), kWanted);
  EXPECT_FALSE(kept_.back().passed_over);
}

TEST_F(UserIds, TheBlockOfAnotherIsPassedOverWhateverItsPlaceAndSize) {
  EXPECT_EQ(claim(kWanted, 5), kWanted);
  EXPECT_EQ(claim(kWanted, 3), kWanted + 5);
  EXPECT_EQ(kept_.back().passed_over->words(), "200000 to 200004 are in use by another mecapy");
  EXPECT_EQ(claim(kWanted - 2, 3), kWanted + 8);
  EXPECT_EQ(claim(kWanted + 2, 100), kWanted + 11);
  EXPECT_EQ(claim(kWanted - 2, 2), kWanted - 2);
}

TEST_F(UserIds, AReleasedBlockIsFreeAgain) {
  claim(kWanted, 3);
  kept_.clear();
  EXPECT_EQ(claim(kWanted, 3), kWanted);
}

TEST_F(UserIds, TheLastHolderRemovesTheLockAndItsFolder) {
  claim(kWanted, 3);
  claim(kWanted, 3);
  kept_.pop_back();
  EXPECT_TRUE(std::filesystem::exists(places_.lock_folder + "/uids"));
  EXPECT_EQ(claim(kWanted, 3), kWanted + 3) << "the first block is still seen";
  kept_.clear();
  EXPECT_FALSE(std::filesystem::exists(places_.lock_folder));
}

// A holder whose file has lost its name would not be seen by the next.
TEST_F(UserIds, HoldersThatComeAndGo_HoldTheFileThatHasTheName) {
  constexpr int kRounds = 1000;
  const auto come_and_go = [&] {
    for (int i = 0; i < kRounds; ++i) {
      const auto block = claim_ids(kWanted, 1, places_);
      ASSERT_TRUE(block) << block.error().message;
      struct stat held {};
      struct stat named {};
      ASSERT_EQ(::fstat(block->lock.get(), &held), 0);
      ASSERT_EQ(::stat((places_.lock_folder + "/uids").c_str(), &named), 0) << "round " << i;
      EXPECT_EQ(held.st_ino, named.st_ino);
    }
  };
  std::thread other(come_and_go);
  come_and_go();
  other.join();
  EXPECT_FALSE(std::filesystem::exists(places_.lock_folder));
}

TEST_F(UserIds, SubordinateIdsOfAUserArePassedOver) {
  write("subuid", "alice:100000:65536\nbob:165536:65536\n");
  write("subgid", "alice:231072:8\n");
  EXPECT_EQ(claim(kWanted, 3), 231'080u);
  EXPECT_EQ(kept_.back().passed_over->words(), "165536 to 231071 are subordinate ids of bob");
}

TEST_F(UserIds, UsersAndGroupsArePassedOver) {
  write("passwd", "root:x:0:0::/root:/bin/sh\ncarol:x:200001:1000::/home/carol:/bin/sh\n");
  write("group", "team:x:200003:\n");
  EXPECT_EQ(claim(kWanted, 2), 200'004u);
  EXPECT_EQ(kept_.back().passed_over->words(), "200001 is the user carol");
  EXPECT_EQ(claim(kWanted, 1), kWanted);
}

TEST_F(UserIds, LinesThatMakeNoSenseAreNobodysIds) {
  write("subuid", "\n#comment\nalice\nalice:x:9\nalice:200000:0\nalice:-1:99999999\n:::::\n");
  EXPECT_EQ(claim(kWanted, 3), kWanted);
}

TEST_F(UserIds, SystemdsUsersArePassedOver) { EXPECT_EQ(claim(61'180, 5), 65'536u); }

TEST_F(UserIds, WithoutFreeOnesTheFirstHolderIsNamed) {
  write("subuid", "alice:200000:4294967295\n");
  const auto block = claim_ids(kWanted, 3, places_);
  ASSERT_FALSE(block);
  EXPECT_EQ(block.error().code, ErrorCode::sandbox);
  EXPECT_NE(block.error().message.find("subordinate ids of alice"), std::string::npos);
  EXPECT_NE(block.error().message.find("worker.uid_base"), std::string::npos);
  EXPECT_FALSE(claim_ids(0x7ffffffe, 3, places_));
  EXPECT_EQ(claim(kWanted - 3, 3), kWanted - 3);
}

TEST_F(UserIds, TheSystemsOwnAreRefused) { EXPECT_FALSE(claim_ids(0, 1, places_)); }

TEST_F(UserIds, AFolderThatCannotBeMadeIsNamed) {
  places_.lock_folder = folder_.path("absent/run");
  const auto block = claim_ids(kWanted, 3, places_);
  ASSERT_FALSE(block);
  EXPECT_NE(block.error().message.find(places_.lock_folder), std::string::npos);
}

TEST_F(UserIds, AnIdHasAnOwnerOrNone) {
  write("passwd", "carol:x:64100:64100::/home/carol:/bin/sh\n");
  write("subuid", "alice:165536:65536\n");
  EXPECT_EQ(owner_of(64'100, places_)->words(), "64100 is the user carol");
  EXPECT_EQ(owner_of(165'536, places_)->kind, TakenIds::Kind::subordinate);
  EXPECT_FALSE(owner_of(64'101, places_));
}

}  // namespace
}  // namespace mecapy::sandbox
