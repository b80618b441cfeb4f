#include "clouds/machine_type.h"

#include <gtest/gtest.h>

namespace mecapy::clouds {
namespace {

TEST(MachineTypes, AreReadInTheirOrder) {
  const auto types = parse_machine_types("x", " DEV1-S:2:2048  L4-1-24G:8:49152:1 b2-7:2:7000=a1 ");
  ASSERT_TRUE(types) << types.error().message;
  ASSERT_EQ(types->size(), 3U);
  EXPECT_EQ((*types)[0].name, "DEV1-S");
  EXPECT_EQ((*types)[0].cpus, 2);
  EXPECT_EQ((*types)[0].memory_mb, 2048);
  EXPECT_EQ((*types)[1].gpus, 1);
  EXPECT_EQ((*types)[2].id, "a1");
}

TEST(MachineTypes, WhatIsNone_IsRefusedWithWhatToWrite) {
  for (const char* bad :
       {"DEV1-S", "DEV1-S:2", "DEV1-S:2:", "DEV1-S:0:2048", "DEV1-S:2:2 GB", "DEV1-S:2:2048:1:1",
        "DEV1-S:2:2048:-1", ":2:2048", "a/b:2:2048", "DEV1-S:2:2048=", "DEV1-S:2:2048=a/b",
        "DEV1-S:2:512", "DEV1-S:2:2048:"}) {
    const auto types = parse_machine_types("machines.scaleway_types", bad);
    ASSERT_FALSE(types) << bad;
    EXPECT_EQ(types.error().code, ErrorCode::usage);
    EXPECT_NE(types.error().message.find("machines.scaleway_types: \""), std::string::npos);
    EXPECT_NE(types.error().message.find("NAME:CPUS:MEMORY_MB"), std::string::npos);
  }
  EXPECT_FALSE(parse_machine_types("machines.scaleway_types", "  "));
}

}  // namespace
}  // namespace mecapy::clouds
