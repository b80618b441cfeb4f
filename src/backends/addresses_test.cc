#include "backends/addresses.h"

#include <gtest/gtest.h>

namespace mecapy::backends {
namespace {

TEST(Addresses, Several_EachHasItsOwnConcurrencyAndContract) {
  const auto read = parse_addresses(
      " https://a.example/?concurrency=20,https://b.example:444/work?contract=seed\n"
      "http://127.0.0.1:8080");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 3);
  EXPECT_EQ((*read)[0].url, "https://a.example");
  EXPECT_EQ((*read)[0].capacity, 20);
  EXPECT_EQ((*read)[0].contract, Contract::mecapy);
  EXPECT_EQ((*read)[1].url, "https://b.example:444/work");
  EXPECT_EQ((*read)[1].capacity, 8);
  EXPECT_EQ((*read)[1].contract, Contract::seed);
  EXPECT_EQ((*read)[2].url, "http://127.0.0.1:8080");
}

TEST(Addresses, None_IsNone) {
  EXPECT_TRUE(parse_addresses("")->empty());
  EXPECT_TRUE(parse_addresses(" ,\n")->empty());
}

TEST(Addresses, WhatIsNone_IsSaidWithWhatIsWrong) {
  for (const char* wrong :
       {"example.org", "http://example.org", "https://a?concurrency=0", "https://a?concurrency=8x",
        "https://a?concurrency=1001", "https://a?contract=ours", "https://a?other=1",
        "https://user:password@a", "https://a#b", "ftp://a", "https://"}) {
    const auto read = parse_addresses(wrong);
    ASSERT_FALSE(read) << wrong;
    EXPECT_EQ(read.error().code, ErrorCode::usage) << wrong;
  }
}

}  // namespace
}  // namespace mecapy::backends
