#include "store/text_codec.h"

#include <gtest/gtest.h>

namespace mecapy::store {
namespace {

TEST(TextCodec, Limits_SurviveToTheLastBit) {
  model::Limits limits;
  double value = 0.1;
  for (const model::LimitRow& row : model::limit_table()) limits.*row.field = value += 1.0 / 3;
  EXPECT_EQ(decode_limits(encode_limits(limits)), limits);
}

TEST(TextCodec, LimitsOfAnotherTime_HaveDefaultsWhereUnnamed) {
  const model::Limits limits = decode_limits("timeout_s=5 colour=3 cpus= junk");
  EXPECT_EQ(limits.timeout_s, 5);
  EXPECT_EQ(limits.cpus, model::Limits().cpus);
  EXPECT_EQ(limits.memory_mb, model::Limits().memory_mb);
}

TEST(TextCodec, Tags_SurviveWhateverTheyHold) {
  using Tags = std::vector<std::string>;
  for (const Tags& tags : {Tags{}, Tags{""}, Tags{"", ""}, Tags{"a", "b c", "\n", "\\", "\\n\n"}}) {
    EXPECT_EQ(decode_tags(encode_tags(tags)), tags);
  }
}

}  // namespace
}  // namespace mecapy::store
