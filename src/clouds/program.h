// Runs a program to its end: argv as it is (no shell), an environment of its own, nothing of ours
// inherited, its output within a bound and its time within a deadline.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mecapy::clouds {

struct Program {
  std::vector<std::string> words;        // the first is its path
  std::vector<std::string> environment;  // all that it sees: NAME=VALUE
  std::size_t most = 1 << 20;            // bytes that are kept of each of its outputs
};

struct Ran {
  int status = 0;  // as shells have it: 128 + the signal that ended it
  std::string out;
  std::string err;
  bool whole = true;  // nothing of its outputs was left out
};

// Its input is empty, its signals are as a new process has them. unavailable when it could not be
// started; deadline_exceeded when it was killed at the deadline, with all of its process group.
boost::asio::awaitable<Result<Ran>> run_program(Program program, base::Deadline deadline);

}  // namespace mecapy::clouds
