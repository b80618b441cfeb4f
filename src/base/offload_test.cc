#include "base/offload.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>

#include "base/test_await.h"

namespace mecapy::base {
namespace {

TEST(Offload, WorkRunsOnAThreadOfThePoolAndItsResultComesBack) {
  asio::thread_pool pool(1);
  const auto id = await(offload<std::thread::id>(
      pool, after(std::chrono::seconds(30)),
      []() -> Result<std::thread::id> { return std::this_thread::get_id(); }));
  ASSERT_TRUE(id);
  EXPECT_NE(*id, std::this_thread::get_id());
}

TEST(Offload, WorkWhoseDeadlineIsOverIsNotBegun) {
  asio::thread_pool pool(1);
  bool begun = false;
  const auto late =
      await(offload<void>(pool, after(std::chrono::seconds(-1)), [&begun]() -> Result<void> {
        begun = true;
        return {};
      }));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::deadline_exceeded);
  EXPECT_FALSE(begun);
}

asio::awaitable<std::string> what_is_thrown(asio::thread_pool& pool) {
  const auto work = []() -> Result<void> { throw std::runtime_error("a defect"); };
  try {
    (void)co_await offload<void>(pool, after(std::chrono::seconds(30)), work);
  } catch (const std::runtime_error& e) {
    co_return e.what();
  }
  co_return "nothing";
}

TEST(Offload, WhatTheWorkThrowsIsThrownToTheOneWhoWaits) {
  asio::thread_pool pool(1);
  EXPECT_EQ(await(what_is_thrown(pool)), "a defect");
}

}  // namespace
}  // namespace mecapy::base
