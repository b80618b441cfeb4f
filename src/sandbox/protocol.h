// What the front, the supervisor, the zygote and the run's init say to each other, over
// SOCK_SEQPACKET sockets: one plain struct per packet, file descriptors beside it. All ends are of
// the same build. Nothing here is ever written by a process that has run an author's code: init
// never does, and the run closes its end before it reads its job.
//
// ctl has two readers, one after the other: init reads its setup, then forks the run and only
// writes; the run reads its go.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <cstring>
#include <string_view>

#include "model/limits.h"
#include "sandbox/sandbox.h"
#include "sandbox/zygote_kinds.h"

namespace mecapy::sandbox {

using Passed = Observed::Passed;

// A fixed text field: cut when too long, always terminated.
template <std::size_t N>
struct Text {
  char bytes[N] = {};
  void set(std::string_view text) {
    const std::size_t size = text.size() < N ? text.size() : N - 1;
    std::memcpy(bytes, text.data(), size);
    bytes[size] = '\0';
  }
  std::string_view view() const { return {bytes, strnlen(bytes, N)}; }
};

// front -> supervisor. start carries two descriptors: the run's channel end, the log's write end.
struct FrontRequest {
  enum class Kind : std::uint8_t { start, kill, ping };
  Kind kind = Kind::start;
  std::uint64_t run = 0;
  model::Limits limits{};
  ZygoteKind zygote = ZygoteKind::numpy;  // start: what the code imports
};

// supervisor -> front. Of a run: all that was observed with ended, setup_us with started.
struct FrontReply : Observed {
  enum class Kind : std::uint8_t { ready, refused, started, ended, pong };
  Kind kind = Kind::ready;
  std::uint64_t run = 0;
  std::int64_t zygote_memory = 0;  // pong: bytes that zygotes hold
  std::int64_t spare_memory = 0;   // pong: bytes that waiting sandboxes hold beside them
  Text<1024> text{};               // refused: why; ended: the set-up step that failed
};

constexpr int kZygoteSocket = 3;  // where the zygote program finds its end

// supervisor -> zygote: make the init of a sandbox. Descriptors: ctl; in the profile host then the
// slot's user namespace and its network namespace.
struct ZygoteRequest {
  std::uint64_t ticket = 0;
};

// zygote -> supervisor.
struct ZygoteReply {
  enum class Kind : std::uint8_t { ready, failed, cloned };
  Kind kind = Kind::ready;
  std::uint64_t ticket = 0;  // cloned
  pid_t pid = -1;            // cloned: of init, -1 when clone failed
  int error = 0;             // errno of what failed
  std::int64_t memory = 0;   // ready: bytes it holds
  std::int64_t copied = 0;   // ready: bytes each of its sandboxes holds beside them while it waits
  Text<512> text{};          // failed: which step, or Python's complaint
};

// The working folder's bounds.
struct DiskBounds {
  std::uint64_t bytes = 0;
  std::uint64_t inodes = 0;
  bool operator==(const DiskBounds&) const = default;
};

// supervisor -> init, once it is known for what it is.
// host: it may mount, and join the cgroups whose doors come as
// descriptors. On v2 joining can wait some milliseconds for an RCU grace period, so init does it
// itself: nobody else waits.
// container: one descriptor comes, of a socket that brings WatchLimits; its hang-up means: end all.
struct SandboxSetup {
  DiskBounds disk{};
  std::uint8_t groups = 0;      // descriptors sent
  bool time_namespace = false;  // host: the kernel has them
  std::uint32_t user = 0;       // container: to become; 0: none but the zygote's
  Text<192> folder{};           // container: the run's own, with `work` and `tmp` in it
};

// supervisor -> init, container only, when the run gets its go: what to watch for.
struct WatchLimits {
  std::int64_t memory_bytes = 0;
  std::int64_t cpu_us = 0;
  std::int64_t tasks = 0;
  DiskBounds disk{};
};

// supervisor -> the run, which waits prepared: the limits of what it is to do. Two descriptors: the
// run's channel end, the log's write end.
struct RunGo {
  DiskBounds disk{};
  std::uint64_t cpu_seconds = 0;    // RLIMIT_CPU, soft
  std::uint64_t tasks = 0;          // RLIMIT_NPROC; init itself counts
  std::uint64_t address_bytes = 0;  // RLIMIT_AS above what the zygote maps; 0: none
  std::uint32_t blas_threads = 1;
};

// init or the run -> supervisor, over ctl.
struct RunReport {
  enum class Kind : std::uint8_t { prepared, ready, failed, passed, ended };
  Kind kind = Kind::ready;
  std::int64_t at_ns = 0;  // CLOCK_MONOTONIC, when it was sent: the supervisor may be late to hear
  int error = 0;           // failed: errno
  Text<64> step{};         // failed: which step
  int wait_status = 0;     // ended: of the run's first process, as waitpid gave it
  bool disk_full = false;
  std::int64_t written_bytes = -1;  // ended: by the run; -1: not counted
  // What init has watched; container only.
  Passed passed = Passed::nothing;
  std::int64_t peak_memory_bytes = 0;
  std::int64_t peak_tasks = 0;
  std::int64_t cpu_us = -1;  // ended: of the run, since its go
};

constexpr std::uint32_t kInnerUid = 1000;  // `author` inside a run

}  // namespace mecapy::sandbox
