// Follows a run on a server until it ends: its log, its progress, and Ctrl-C.
#pragma once

#include <optional>
#include <string>

#include "main/remote.h"

namespace mecapy::main {

// What Ctrl-C (and SIGTERM) does. `asks`: of a run that this command began. The first one asks on
// the terminal whether to cancel the run; a second one, or one without a terminal, cancels it, and
// the next leaves it to be cancelled. `leaves`: of a run that is only watched, which goes on.
enum class Interrupt : std::uint8_t { asks, leaves };

enum class LogTo : std::uint8_t { nowhere, out, err, out_as_json };

struct FollowOptions {
  std::string run_id;
  Interrupt interrupt = Interrupt::asks;
  LogTo log = LogTo::err;
};

enum class Followed : std::uint8_t { to_the_end, until_interrupted };

// A progress line is on stderr when that is a terminal. Errors as client::Watch has them.
awaitable<Result<Followed>> follow(Remote& remote, FollowOptions options);

// Asks the server to cancel the run that is at `path`, and waits for its end for as long as a
// server needs to stop one; the run as it is then (JSON).
awaitable<Result<std::string>> cancel_and_wait(client::Api& api, std::string path);

// Waits until the run that is at `path` has ended, or so many seconds: whether it has ended.
awaitable<Result<bool>> wait_for_end(client::Api& api, std::string path,
                                     std::optional<double> timeout_s);

}  // namespace mecapy::main
