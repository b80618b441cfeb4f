// For tests of the queue in the Redis of tools/services.sh: keys of their own, and what people and
// other processes do to them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/id.h"
#include "base/test_services.h"
#include "queue/queue_contract.h"
#include "queue/redis_queue.h"

namespace mecapy::queue {

using model::RunId;
using std::chrono::milliseconds;
using std::chrono::seconds;

inline RedisOptions options_of(const std::string& prefix, milliseconds lease = seconds(30)) {
  RedisOptions options;
  options.address = redis::parse_address(base::of_service("redis")).value();
  options.prefix = prefix;
  options.consumer = base::make_uuid7();
  options.lease = lease;
  return options;
}

// One command beside the queue, by whoever may do more than the queue's own user.
inline Result<redis::Reply> ask(const redis::Address& address, redis::Command command) {
  boost::asio::io_context loop;
  redis::Client client(loop.get_executor(), address);
  std::optional<Result<redis::Reply>> reply;
  boost::asio::co_spawn(loop,
                        base::keep(client.call(std::move(command), base::after(seconds(5))), reply),
                        base::rethrow);
  while (!reply && loop.run_one() > 0) {
  }
  return std::move(*reply);
}

inline redis::Reply ask(redis::Command command) {
  return ask(redis::parse_address(base::of_service("redis", "tests_url")).value(),
             std::move(command))
      .value();
}

// A prefix of its own, whose keys go with it.
class Prefix {
 public:
  ~Prefix() { ask({"DEL", name_ + ":jobs", name_ + ":later", name_ + ":known", name_ + ":dead"}); }
  const std::string& name() const { return name_; }

 private:
  std::string name_ = "mecapy:test-" + base::random_hex(8);
};

template <class Condition>
bool eventually(Condition condition) {
  const base::Deadline deadline = base::after(seconds(10));
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return true;
}

class RedisTest : public testing::Test {
 protected:
  std::unique_ptr<RedisQueue> open(milliseconds lease = seconds(30), std::size_t capacity = 1000) {
    auto queue = std::make_unique<RedisQueue>(options_of(prefix_.name(), lease), capacity, clock_);
    EXPECT_TRUE(eventually([&] { return queue->health().has_value(); }));
    return queue;
  }
  static base::Deadline soon() { return base::after(seconds(20)); }
  std::int64_t entries() { return ask({"XLEN", prefix_.name() + ":jobs"}).integer; }
  std::int64_t known() { return ask({"HLEN", prefix_.name() + ":known"}).integer; }
  std::int64_t dead() { return ask({"XLEN", prefix_.name() + ":dead"}).integer; }
  // Adds entries that hold no run id, many of them.
  void add_junk(const std::string& to, int entries) {
    constexpr const char* kAdd =
        "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'run', i) end";
    ask({"EVAL", kAdd, "1", prefix_.name() + to, std::to_string(entries)});
  }
  // Takes all that is there, and dies.
  void die_with_all() {
    ask({"XREADGROUP", "GROUP", "mecapy", "dead-one", "COUNT", "10000", "STREAMS",
         prefix_.name() + ":jobs", ">"});
  }
  // Pushes `id` as the reconciler does, until it comes to `queue`.
  bool arrives(const RunId& id, RedisQueue& queue) {
    return eventually([&] {
      (void)queue.push(id, {});
      return await(queue.pop(base::after(milliseconds(300)))) == id;
    });
  }

  Prefix prefix_;
  std::shared_ptr<base::SystemClock> clock_ = std::make_shared<base::SystemClock>();
};

}  // namespace mecapy::queue
