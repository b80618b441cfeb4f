#include "orchestrator/shares.h"

#include <gtest/gtest.h>

namespace mecapy::orchestrator {
namespace {

TEST(Shares, UsersShareAlike_AndAUsersWorkflowsHisShare) {
  Shares shares;
  shares.enter("ann");
  EXPECT_EQ(shares.of("ann", 8), 8U);
  shares.enter("bob");
  EXPECT_EQ(shares.of("ann", 8), 4U);
  shares.enter("bob");
  EXPECT_EQ(shares.of("ann", 8), 4U);
  EXPECT_EQ(shares.of("bob", 8), 2U);
  shares.leave("bob");
  shares.leave("bob");
  EXPECT_EQ(shares.of("ann", 8), 8U);
}

TEST(Shares, NobodyHasNone) {
  Shares shares;
  for (const char* user : {"a", "b", "c", "d", "e"}) shares.enter(user);
  EXPECT_EQ(shares.of("a", 2), 1U);
  EXPECT_EQ(shares.of("unknown", 2), 1U);
}

}  // namespace
}  // namespace mecapy::orchestrator
