// Without namespaces, init holds a sandbox together: what it started comes back to it when parents
// die (PR_SET_CHILD_SUBREAPER), it looks at what they use every few milliseconds, ends them all,
// and empties their folder. The run cannot signal it or leave its process group
// (contained_filter.h). It is told the limits over a socket, and to end by that socket's hang-up,
// so that it also ends when this process dies.
#include <sys/socket.h>

#include <cmath>
#include <csignal>

#include "base/fd.h"
#include "sandbox/keeper.h"
#include "sandbox/packet.h"

namespace mecapy::sandbox {
namespace {

// RLIMIT_NPROC is a second bound only, well above the limit: it holds between two looks. It counts
// per user, so without a user per run it would count other runs, and other containers, too.
constexpr std::uint64_t kManyTasks = 4096;
constexpr std::uint64_t kBetweenLooks = 512;  // threads that can be started
std::uint64_t most_tasks(const model::Limits& limits, bool own_user) {
  return own_user ? 4 * static_cast<std::uint64_t>(limits.processes) + kBetweenLooks : kManyTasks;
}

// RLIMIT_AS is a second bound, too, on each process: far enough above the limit that the look at
// all of them comes first and ends the run by name.
constexpr double kAddressFactor = 1.25;
constexpr double kAddressMoreMb = 64;

std::int64_t bytes_of(double mb) { return static_cast<std::int64_t>(mb * 1024 * 1024); }

class ContainerKeeper final : public Keeper {
 public:
  explicit ContainerKeeper(const WatchParts& parts) : parts_(parts) {}

  StepFailure renew() override {
    orders_.reset();
    admitted_ = false;
    return parts_.scratch.make_folder(parts_.user, folder_);
  }

  StepFailure admit(pid_t, int ctl, const DiskBounds& disk) override {
    int pair[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
      return failed("socketpair");
    }
    base::Fd near(pair[0]);
    const base::Fd far(pair[1]);
    SandboxSetup setup;
    setup.disk = disk;
    setup.groups = 1;
    setup.user = parts_.user.value_or(0);
    if (folder_.size() >= sizeof setup.folder.bytes) return failed("name a folder", ENAMETOOLONG);
    setup.folder.set(folder_);
    const int fds[] = {far.get()};
    if (!send_packet(ctl, setup, fds)) return failed("tell init its set-up");
    orders_ = std::move(near);
    admitted_ = true;
    return {};
  }

  std::vector<int> namespaces() const override { return {}; }

  StepFailure limit(const model::Limits& limits, RunGo& go) override {
    go.tasks = most_tasks(limits, parts_.user.has_value());
    go.address_bytes =
        static_cast<std::uint64_t>(bytes_of(limits.memory_mb * kAddressFactor + kAddressMoreMb));
    WatchLimits watch;
    watch.memory_bytes = bytes_of(limits.memory_mb);
    watch.cpu_us = std::llround(cpu_bound_s(limits) * 1e6);
    watch.tasks = static_cast<std::int64_t>(limits.processes);
    watch.disk = disk_of(limits);
    if (!send_packet(orders_.get(), watch)) return failed("tell init what to watch");
    return {};
  }

  // An init that has had no orders has no run either: it waits for its set-up. One that has ends by
  // itself when it has emptied the folder, however often it is told to: killed at that, it would
  // leave the work to this process, which has all runs to serve.
  void end(pid_t init) override {
    if (!admitted_) ::kill(init, SIGKILL);
    orders_.reset();
  }

  GroupUse use() const override { return {}; }
  // Init has emptied the folder; else it died, and this does.
  bool empty() const override { return folder_.empty() || Scratch::remove_folder(folder_); }
  void kill_all() const override {}
  bool is_over(pid_t) const override { return false; }

 private:
  WatchParts parts_;
  std::string folder_;
  base::Fd orders_;
  bool admitted_ = false;
};

}  // namespace

std::unique_ptr<Keeper> keep_by_watching(const WatchParts& parts) {
  return std::make_unique<ContainerKeeper>(parts);
}

}  // namespace mecapy::sandbox
