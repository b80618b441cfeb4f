// The jobs in Redis, command by command.
//
//   PREFIX:jobs   the stream of runs whose time has come; its one group gives each to one process
//   PREFIX:later  the others, by the time they are due: milliseconds of Redis's own clock
//   PREFIX:known  of every run in one of the two: where, so that none is there twice
//   PREFIX:dead   the last runs that were given up, for people to look at
//
// A run stays in the stream until it is done. Given to a process that then dies, it is given to
// another one after the lease; given too often, it is dead. What is in the stream and no run is
// taken out by whoever reads it; of what was lost there each other key forgets, and it may be
// pushed anew.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/ids.h"
#include "redis/client.h"

namespace mecapy::queue {

using redis::awaitable;

struct Waiting {
  model::RunId id;
  std::chrono::microseconds pause{};
};

// An error that Redis answers is unavailable, but storage when it keeps nothing new: it is full,
// its disk failed, or it follows another one.
class RedisStream {
 public:
  // `reads` is for read() alone, which blocks it; both on one thread. `capacity` is how many may
  // wait; all that share a Redis should say the same.
  RedisStream(redis::Client& calls, redis::Client& reads, std::string prefix, std::string consumer,
              std::size_t capacity);

  // Makes the group and the stream when they are not there.
  awaitable<Result<void>> prepare();
  // Those that are not there yet, as far as there is room; of one that is there and not due the
  // earlier time wins. Answers how many runs wait now.
  awaitable<Result<std::int64_t>> push(const std::vector<Waiting>& runs);
  // Moves what is due into the stream. Answers how many runs wait.
  awaitable<Result<std::int64_t>> promote();
  // At most `count` runs for this process, waiting up to `block` for the first.
  awaitable<Result<std::vector<model::RunId>>> read(int count, std::chrono::milliseconds block);
  // Runs that others held for longer than `lease` without a sign of life: now this process's. Some
  // of them, when there are many.
  awaitable<Result<std::vector<model::RunId>>> take_over(std::chrono::milliseconds lease);
  // A sign of life for all that this process holds.
  awaitable<Result<void>> keep();
  // Of runs this process holds: they go from Redis. It holds them no longer, whatever comes of it.
  awaitable<Result<void>> done(const std::vector<model::RunId>& ids);
  // Done, and among the dead.
  awaitable<Result<void>> bury(const model::RunId& id, const std::string& why);
  // Back into the stream, for whoever reads next.
  awaitable<Result<void>> give_back();
  // Forgets runs that are known and in neither place, as somebody emptied it.
  awaitable<Result<void>> forget_lost();
  // Forgets consumers that hold nothing and were not heard of for ten minutes.
  awaitable<Result<void>> forget_consumers();

 private:
  awaitable<Result<redis::Reply>> call(redis::Command command);
  awaitable<Result<redis::Reply>> script(const char* text, std::vector<std::string> arguments);
  awaitable<std::vector<model::RunId>> hold(const redis::Reply& entries);
  awaitable<Result<std::vector<model::RunId>>> claim(const redis::Reply& late,
                                                     std::chrono::milliseconds lease);
  void tell_junk(std::size_t entries);
  redis::Command group_command(const char* name) const;

  redis::Client& calls_;
  redis::Client& reads_;
  std::string jobs_, later_, known_, dead_;
  std::string consumer_, capacity_;
  std::size_t junk_ = 0;  // entries that held no run, ever
  base::Deadline tell_next_{};
  std::unordered_map<model::RunId, std::string> held_;  // to its entry in the stream
};

}  // namespace mecapy::queue
