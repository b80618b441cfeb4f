// The sandbox: runs one author's code once, isolated, and says with evidence how it ended.
//
//   front (unprivileged) ──START + fds──▶ supervisor (privileged, reads nothing a run wrote)
//                                             │ fds
//                                             ▼
//                                          zygote (CPython + numpy loaded, no secrets, native loop)
//                                             │ clone(NEW*, CLONE_PARENT)
//                                             ▼
//                                          init of the run (pid 1 of its pid namespace, native)
//                                             │ fork
//                                             ▼
//                                          the run: prepared ahead of time; with its limits and
//                                          pipes it confines itself, reads the job, calls calculate
//
// The front writes the job into the channel and reads frames and log bytes from it; both are
// hostile (see channel.h). The supervisor alone knows how the process ended and what it used:
// Evidence. verdict.h turns evidence and what the channel said into one model::RunEnd.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "model/limits.h"
#include "sandbox/profiles.h"
#include "sandbox/zygote_kinds.h"

namespace mecapy::sandbox {

struct Options {
  Profile profile = Profile::host;
  std::string zygote_program;  // path of the mecapy-zygote program
  std::string runtime_folder;  // holds the Python package `mecapy`
  std::string site_packages;   // the locked environment's packages
  int slots = 2;               // runs at once
  // zygote: uid_base; the run in sandbox k: uid_base + 1 + k. The first free block from here
  // upwards is taken (user_ids.h).
  std::uint32_t uid_base = 0;
  // Zygotes that would hold more bytes together are not started: smaller ones serve. Those that are
  // always there are.
  std::int64_t zygote_memory = std::int64_t{512} << 20;
  std::int64_t zygote_forks = 50'000;      // after so many, a zygote is made anew
  std::vector<std::string> gpu_devices{};  // host: "/dev/nvidia0", ..., which runs may use
  std::string scratch = "/tmp";            // container: the runs' folders are made in here
  // What the supervisor finds out at its start, for what it starts.
  bool time_namespace = false;  // host: the kernel has them
  bool own_users = true;        // each run is a user of its own; container: where that can be
  std::string cache{};          // container: the zygotes' folder of fonts
  // Sandboxes prepared for the next runs, at most: as many as may run, and one for each other kind.
  int spares() const { return slots + static_cast<int>(kZygoteKinds) - 1; }
  // Beside them, those that run, and as many whose run has ended and that are being taken down.
  int sandboxes() const { return spares() + 2 * slots; }
};

// What the supervisor has seen of a run: plain, as the front hears it (protocol.h).
struct Observed {
  enum class Exit : std::uint8_t { exited, signalled, setup_failed };
  Exit exit = Exit::setup_failed;
  int status = 0;                 // exit status, signal number, or errno of the failed set-up step
  bool deadline_fired = false;    // killed at the wall limit
  bool cpu_fired = false;         // killed at the CPU limit
  bool kill_requested = false;    // killed by Sandbox::kill
  std::int64_t oom_kills = 0;     // the cgroup's counter
  std::int64_t pids_refused = 0;  // the cgroup's counter of refused forks
  bool disk_full = false;         // the working folder had no free block or inode at the end
  std::int64_t setup_us = 0;      // START received to the run ready to read its job
  std::int64_t wall_us = 0;       // ready to end
  std::int64_t cpu_us = 0;        // all processes of the run
  std::int64_t peak_memory_bytes = 0;
  std::int64_t written_bytes = -1;  // all processes of the run; -1: nobody could tell
  // Container: the limit that init saw passed and ended the run for, and the most it counted.
  enum class Passed : std::uint8_t { nothing, memory, cpu, processes, disk };
  Passed passed = Passed::nothing;
  std::int64_t peak_tasks = 0;
};

// How a run's process ended, seen from outside it.
struct Evidence : Observed {
  std::string setup_step{};  // setup_failed: which ("mount /work")
};

struct Event {
  enum class Kind : std::uint8_t { started, ended, pong };
  Kind kind = Kind::started;
  std::uint64_t run = 0;
  Evidence evidence{};             // ended only; started fills setup_us
  std::int64_t zygote_memory = 0;  // pong only: bytes that zygotes hold
  std::int64_t spare_memory = 0;   // pong only: bytes that waiting sandboxes hold beside them
};

// The front's ends of one run's pipes, non-blocking and close-on-exec. Closing them early is
// allowed.
struct RunPipes {
  base::Fd channel;  // stream socket: job out, frames in (channel.h)
  base::Fd log;      // read end: stdout and stderr of every process of the run
};

// The front's handle. Not thread-safe: one thread owns it. Destroying it ends the supervisor, the
// zygote and every run.
class Sandbox {
 public:
  virtual ~Sandbox() = default;
  // Readable (poll) when next_event has something. Hang-up when the supervisor died.
  virtual int event_fd() const = 0;
  // The next event, nothing when there is none now, ErrorCode::sandbox when the supervisor is gone.
  virtual Result<std::optional<Event>> next_event() = 0;
  // Starts a run. `run` is a number the caller has not used before. Exactly one `ended` event
  // follows, also when the set-up fails; `started` comes before it when the run got that far. The
  // wall limit counts from `started`. busy when all slots are taken. `zygote` should have what the
  // code imports: it runs right with any.
  virtual Result<RunPipes> start(std::uint64_t run, const model::Limits& limits,
                                 ZygoteKind zygote) = 0;
  Result<RunPipes> start(std::uint64_t run, const model::Limits& limits) {
    return start(run, limits, ZygoteKind::numpy);
  }
  // Ends the run with everything it started; `ended` follows. Unknown or ended runs: no effect.
  virtual void kill(std::uint64_t run) = 0;
  virtual int slots() const = 0;
  // A `pong` event follows: the supervisor is alive and hears.
  virtual void ping() = 0;
};

// One isolation layer, as probed on this machine by doing it in a throw-away child.
struct Layer {
  // refused: the host has it and denies it; undetermined: could not tell.
  enum class State : std::uint8_t { enforced, refused, missing, undetermined };
  LayerKey key = LayerKey::seccomp;
  std::string name;  // "user namespace", "seccomp", "cgroup memory (v1)"
  State state = State::undetermined;
  bool required = true;
  std::string detail;  // what was seen ("unshare: Operation not permitted")
  std::string advice;  // what to do, when not enforced or not as wanted
};

// Probes every layer that the profile of `options` has. Needs a single-threaded process; takes some
// milliseconds.
std::vector<Layer> probe_layers(const Options& options);

// That the devices of `gpu_devices` are there, in a profile that can give them; launch() asks it.
Result<void> check_devices(const Options& options);

// Forks the supervisor, which probes the layers, builds the template, starts the zygote and waits
// until it is ready. Call it single-threaded, before giving up root; the supervisor keeps only the
// capabilities it needs, and dies with the caller. ErrorCode::sandbox names the required layer that
// is missing and what to do: there is no way to start with less.
Result<std::unique_ptr<Sandbox>> launch(const Options& options);

}  // namespace mecapy::sandbox
