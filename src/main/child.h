// A child of the launcher, with its pulse.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>

#include "base/fd.h"
#include "main/pulse.h"

namespace mecapy::main {

class Child {
 public:
  // `it_hangs` is what is said then.
  explicit Child(const char* it_hangs) : it_hangs_(it_hangs) {}

  // It is `pid` now, started a moment ago, and its pulse comes through the pipe, which is made
  // non-blocking. Its first word may take `patience`.
  void watch(pid_t pid, base::Fd pulse, std::chrono::seconds patience);
  pid_t pid() const { return pid_; }  // -1: there is none
  std::chrono::steady_clock::time_point started() const { return started_; }
  int pulse() const { return pulse_.get(); }  // to poll; -1 when it is closed
  void close() { pulse_.reset(); }

  // What it has said since the last time. The pulse is closed when it is about to end.
  std::string listen();
  // Kills it when it was silent for too long.
  void end_if_it_hangs();
  // The exit status, as shells have it, of one that has ended; there is none then.
  std::optional<int> reap();

 private:
  const char* it_hangs_;
  pid_t pid_ = -1;
  base::Fd pulse_{};
  std::chrono::steady_clock::time_point started_{};
  PulseWatch watch_{};
};

}  // namespace mecapy::main
