// Namespaces hold a sandbox together: init is pid 1 of its own, and with it everything ends. The
// cgroup bounds and counts.
#include <csignal>

#include "sandbox/keeper.h"
#include "sandbox/packet.h"

namespace mecapy::sandbox {
namespace {

class HostKeeper final : public Keeper {
 public:
  explicit HostKeeper(const NamespaceParts& parts) : parts_(parts) {}

  StepFailure renew() override { return parts_.cgroup.renew(parts_.places); }

  std::vector<int> namespaces() const override {
    return {parts_.namespaces.user.get(), parts_.namespaces.net.get()};
  }

  StepFailure admit(pid_t init, int ctl, const DiskBounds& disk) override {
    if (!is_mapped_to(init, parts_.user)) return failed("find init in its namespace", EPERM);
    const std::vector<int> doors = parts_.cgroup.doors();
    if (doors.size() > kMaxPacketFds) return failed("hand over the cgroups", E2BIG);
    SandboxSetup setup;
    setup.disk = disk;
    setup.groups = static_cast<std::uint8_t>(doors.size());
    setup.time_namespace = parts_.time_namespace;
    if (!send_packet(ctl, setup, doors)) return failed("tell init its set-up");
    return {};
  }

  StepFailure limit(const model::Limits& limits, RunGo& go) override {
    // The cgroup must be the one that refuses: only it keeps a count, and RLIMIT_NPROC counts the
    // runs of other supervisors on this machine under the same user as well.
    go.tasks = 4096;
    // So must its count of CPU time: it is exact and of all processes. The kernel's for one process
    // is by ticks and has the preparation in it.
    ++go.cpu_seconds;
    return parts_.cgroup.limit(limits);
  }

  // Ends pid 1 of the run's pid namespace: the kernel then ends all the others
  // (pid_namespaces(7)).
  void end(pid_t init) override {
    parts_.cgroup.let_die();
    ::kill(init, SIGKILL);
  }

  GroupUse use() const override { return parts_.cgroup.use(); }
  bool empty() const override { return parts_.cgroup.empty(); }
  void kill_all() const override { parts_.cgroup.kill_all(); }
  bool is_over(pid_t init) const override { return parts_.cgroup.is_over(init); }

 private:
  NamespaceParts parts_;
};

}  // namespace

std::unique_ptr<Keeper> keep_in_namespaces(const NamespaceParts& parts) {
  return std::make_unique<HostKeeper>(parts);
}

}  // namespace mecapy::sandbox
