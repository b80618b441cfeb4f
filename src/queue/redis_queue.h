// The queue in Redis: several processes share the runs that wait (redis_stream.h).
//
// A thread of its own talks to Redis. What is pushed goes there in batches; what is read is handed
// to waiting pops through a queue in memory. While Redis is away that one is all there is: what is
// pushed here is popped here, and the store's reconciler pushes what waits. Redis that comes back
// empty is filled in the same way.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "queue/memory_queue.h"
#include "queue/redis_stream.h"

namespace mecapy::queue {

class RedisQueue final : public Queue {
 public:
  RedisQueue(RedisOptions options, std::size_t capacity, std::shared_ptr<const base::Clock> clock);
  // Gives back what was read and not popped. The executors of waiting pops must still be there.
  ~RedisQueue() override;

  Result<void> push(model::RunId id, std::chrono::microseconds pause) override;
  awaitable<std::optional<model::RunId>> pop(base::Deadline deadline) override;
  void done(const model::RunId& id) override;
  void bury(const model::RunId& id, const std::string& why) override;
  std::size_t size() const override;
  std::size_t capacity() const override { return capacity_; }
  Result<void> health() const override;
  void close() override;

  // Looks at the clocks again: for tests, whose clocks do not run by themselves.
  void poke();

 private:
  struct Buried {
    model::RunId id;
    std::string why;
  };
  // What callers left to be told to Redis.
  struct Outbox {
    std::vector<Waiting> pushed;
    std::vector<model::RunId> done;
    std::vector<Buried> buried;
    bool empty() const { return pushed.empty() && done.empty() && buried.empty(); }
  };

  awaitable<void> send_loop();
  awaitable<void> read_loop();
  awaitable<void> keep_loop();
  void run();
  void spawn(awaitable<void> loop);
  Outbox take_outbox();
  awaitable<Result<void>> send(const Outbox& outbox);
  awaitable<Result<void>> read_some();
  awaitable<Result<void>> keep_house();
  static awaitable<void> sleep(boost::asio::steady_timer& timer, base::Deadline until);
  void wake(boost::asio::steady_timer& timer);
  void hear_waiting(std::int64_t told, std::size_t handed);
  void hand_out(const std::vector<model::RunId>& ids);
  void keep_here(const std::vector<Waiting>& runs);
  bool settle(const Result<void>& outcome);
  bool is_closed() const;

  const RedisOptions options_;
  const std::size_t capacity_;

  mutable std::mutex mutex_;
  Outbox outbox_;
  std::size_t waiting_ = 0;  // in Redis, as it told last
  bool closed_ = false;
  std::optional<Error> away_ = fail(ErrorCode::unavailable, "Redis was not reached yet");

  // The thread's own.
  boost::asio::io_context io_{1};
  redis::Client calls_, reads_;
  RedisStream stream_;
  boost::asio::steady_timer send_timer_, read_timer_, keep_timer_;
  base::Deadline keep_next_{};
  base::Deadline refused_until_{};  // after Redis would not keep something
  std::size_t handed_ = 0;          // ids that were read, ever
  MemoryQueue here_;
  int loops_ = 0;
  std::thread thread_;  // last: it uses all the others
};

}  // namespace mecapy::queue
