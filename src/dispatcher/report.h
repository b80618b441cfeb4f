// What is told of an attempt that is over, for figures and logs: plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/run.h"

namespace mecapy::dispatcher {

enum class Became : std::uint8_t {
  recorded,    // its end is the run's
  retried,     // the platform failed it, and the run waits again
  stopped,     // by a shutdown, and the run waits again
  moved,       // it outlived its backend's limit, and waits for a machine of its own
  lost,        // another process has the run
  unrecorded,  // the store was away; the lease ends, and the reconciler sees to the run
};
inline constexpr std::string_view kBecameNames[] = {"recorded", "retried", "stopped",
                                                    "moved",    "lost",    "unrecorded"};
inline std::string_view name(Became became) {
  return kBecameNames[static_cast<std::size_t>(became)];
}

// How long each stage took; nothing for a stage that was not reached.
struct Times {
  using Taken = std::optional<std::chrono::microseconds>;
  Taken queued{};   // from acceptance to the first claim
  Taken claim{};    // the call of the store, in which the claim is made
  Taken execute{};  // the call of the backend
  Taken setup{};    // within it, as Usage says
  Taken run{};      // within it, the calculation itself
  Taken record{};   // until the store had the end
  Taken total{};    // from acceptance to the recorded end
};

struct AttemptReport {
  model::RunId run{};
  model::TaskId task{};        // empty, as is the backend, when it was another process's
  std::string_view backend{};  // that died
  int attempt = 0;
  Became became = Became::recorded;
  // The end of the attempt: of the run, too, when it was recorded.
  model::RunStatus status = model::RunStatus::failed;
  std::optional<model::OutcomeCode> code{};
  std::string message{};
  bool given_up = false;  // the platform failed the last attempt there is
  Times times{};

  // The run was cancelled, whatever the attempt ended with.
  void take_cancel() {
    became = Became::recorded;
    status = model::RunStatus::cancelled;
    code.reset();
  }

  void take(const model::RunEnd& end) {
    status = end.status;
    if (end.failure) {
      code = end.failure->code;
      message = end.failure->message;
    }
    const auto measured = [](std::int64_t us) {
      return us > 0 ? Times::Taken(std::chrono::microseconds(us)) : std::nullopt;
    };
    times.setup = measured(end.usage.setup_us);
    times.run = measured(end.usage.wall_us);
  }
};

}  // namespace mecapy::dispatcher
