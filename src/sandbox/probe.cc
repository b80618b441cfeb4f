// Each layer is tried by doing it in a child that is thrown away: what a kernel is configured for
// and what it lets this process do are two things (containers, AppArmor, sysctls).
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/packet.h"
#include "sandbox/privileges.h"
#include "sandbox/probe_steps.h"
#include "sandbox/protocol.h"
#include "sandbox/user_ids.h"

namespace mecapy::sandbox {
namespace {

using State = Layer::State;

struct Trial {
  int error = 0;  // errno of the failed step, 0 when all went well
  Text<96> step{};
};

Trial run_trial(const Steps& steps) {
  int pair[2] = {-1, -1};
  Trial trial;
  trial.error = EAGAIN;
  trial.step.set("start a child");
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return trial;
  base::Fd near(pair[0]);
  base::Fd far(pair[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return trial;
  if (pid == 0) {
    const StepFailure step = steps();
    Trial told;
    told.error = step.error;
    if (step) told.step.set(step.step);
    (void)::send(far.get(), &told, sizeof told, MSG_NOSIGNAL);  // a filter may have taken sendmsg
    ::_exit(0);
  }
  far.reset();
  if (receive_packet(near.get(), trial) != Received::packet) {
    trial.error = EPROTO;
    trial.step.set("the child died");
  }
  ::waitpid(pid, nullptr, 0);
  return trial;
}

State state_of(int error) {
  switch (error) {
    case 0:
      return State::enforced;
    case EPERM:
    case EACCES:
    case EROFS:
      return State::refused;
    case ENOSYS:
    case EINVAL:
    case ENODEV:
    case EOPNOTSUPP:
    case ENOSPC:  // max_*_namespaces is 0: namespaces(7)
    case ENOENT:
      return State::missing;
    default:
      return State::undetermined;
  }
}

// --- layers that both profiles have ---

StepFailure filter_syscalls() {
  FilterProgram zygote;
  FilterProgram run;
  if (const StepFailure step = build_filter(FilterKind::zygote, zygote)) return step;
  if (const StepFailure step = build_filter(FilterKind::run, run)) return step;
  if (const StepFailure step = set_no_new_privs()) return step;
  if (const StepFailure step = install_filter(zygote)) return step;
  if (const StepFailure step = install_filter(run)) return step;
  if (::socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM) {
    return does_not_hold("a filtered call went through");
  }
  return {};
}

// Whether `call`, made behind the filter, ends the process that makes it.
StepFailure must_be_killed(void (*call)()) {
  FilterProgram filter;
  if (const StepFailure step = build_filter(FilterKind::zygote, filter)) return step;
  if (const StepFailure step = set_no_new_privs()) return step;
  const pid_t pid = ::fork();
  if (pid < 0) return failed("fork");
  if (pid == 0) {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    if (install_filter(filter)) ::_exit(1);
    call();
    ::_exit(0);
  }
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) return failed("wait for the child");
  return WIFSIGNALED(status) ? StepFailure{} : does_not_hold("a call of a foreign ABI came back");
}

StepFailure kill_foreign_abis() {
#if defined(__x86_64__)
  constexpr long kX32 = 0x40000000;
  if (const StepFailure step = must_be_killed([] { ::syscall(kX32 | SYS_getpid); })) return step;
  // getpid(2) of i386; a kernel without it ends the process as well.
  return must_be_killed([] {
    long number = 20;
    asm volatile("int $0x80" : "+a"(number) : : "memory");
  });
#else
  return {};
#endif
}

StepFailure give_capabilities_up() {
  if (const StepFailure step = set_no_new_privs()) return step;
  if (const StepFailure step = keep_capabilities({})) return step;
  if (::setresuid(0, 0, 0) == 0 && ::unshare(CLONE_NEWNS) == 0) {
    return does_not_hold("a capability came back");
  }
  return {};
}

StepFailure check_no_new_privs() {
  if (const StepFailure step = set_no_new_privs()) return step;
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) return {};
  return does_not_hold("read no_new_privs back");
}

StepFailure check_not_dumpable() {
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return failed("PR_SET_DUMPABLE");
  if (::prctl(PR_GET_DUMPABLE) == 0) return {};
  return does_not_hold("read PR_GET_DUMPABLE back");
}

StepFailure check_rlimits() {
  constexpr std::size_t kBlock = 64U << 20;
  const rlimit address{kBlock, kBlock};
  if (::setrlimit(RLIMIT_AS, &address) != 0) return failed("RLIMIT_AS");
  void* const block =
      ::mmap(nullptr, kBlock, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block != MAP_FAILED) return does_not_hold("memory past RLIMIT_AS was given");
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return failed("RLIMIT_CORE");
  if (::setrlimit(RLIMIT_FSIZE, &none) != 0) return failed("RLIMIT_FSIZE");
  return {};
}

Sight look_at_landlock(const ProbePlace&) {
  const long abi = landlock_abi();
  if (abi > 0) return seen(State::enforced, "ABI " + std::to_string(abi));
  const int error = errno;
  return seen(state_of(error), std::string("landlock_create_ruleset: ") + std::strerror(error));
}

// Runs of the profile container read these themselves, as their own user.
Sight look_at_environment(const ProbePlace& place) {
  const Options& options = place.options;
  const auto steps = [&]() -> StepFailure {
    if (options.profile == Profile::container && place.own_users) {
      if (const StepFailure step = take_user(place.uid)) return step;
    }
    const auto readable = [](const std::string& path) { return ::access(path.c_str(), R_OK) == 0; };
    if (!readable(options.site_packages + "/numpy")) {
      return failed("look for numpy in site_packages");
    }
    if (!readable(options.runtime_folder + "/mecapy/_harness.py")) {
      return failed("look for the runtime");
    }
    return {};
  };
  Sight sight = try_in_child(steps, "found");
  if (sight.state == State::enforced) return sight;
  sight.advice = "install the locked packages into " + options.site_packages +
                 " and the runtime into " + options.runtime_folder;
  return sight;
}

Sight look_at_program(const ProbePlace& place) {
  const std::string& program = place.options.zygote_program;
  if (::access(program.c_str(), X_OK) == 0) return seen(State::enforced, "found");
  const int error = errno;
  return seen(state_of(error), std::string("look for mecapy-zygote: ") + std::strerror(error),
              "install mecapy-zygote at " + program);
}

struct ProbeRow {
  LayerKey key;
  std::function<Sight(const ProbePlace&)> look;
};

template <class Check>
ProbeRow in_child(LayerKey key, Check check) {
  return {key, [check](const ProbePlace&) { return try_in_child(check); }};
}
ProbeRow namespace_row(LayerKey key, int flag) {
  return {key, [flag](const ProbePlace& place) { return look_at_namespace(place, flag); }};
}
ProbeRow cgroup_row(LayerKey key, const char* controller) {
  return {key, [controller](const ProbePlace& p) { return look_at_cgroup(p, controller); }};
}

// One row for each layer, in the order of the table of layers (profiles.cc).
const std::vector<ProbeRow>& probe_table() {
  using enum LayerKey;
  static const std::vector<ProbeRow> table = {
      {another_user,
       [](const ProbePlace& p) { return try_in_child([&] { return take_user(p.uid); }); }},
      {user_ids, look_at_user_ids},
      {own_users, look_at_own_users},
      {never_root, look_at_root_user},
      namespace_row(user_namespace, 0),
      namespace_row(pid_namespace, CLONE_NEWPID),
      namespace_row(mount_namespace, CLONE_NEWNS),
      namespace_row(network_namespace, CLONE_NEWNET),
      namespace_row(ipc_namespace, CLONE_NEWIPC),
      namespace_row(uts_namespace, CLONE_NEWUTS),
      namespace_row(cgroup_namespace, CLONE_NEWCGROUP),
      namespace_row(time_namespace, CLONE_NEWTIME),
      {tmpfs_limits, look_at_tmpfs},
      {masked_proc, look_at_proc},
      {pivot_root, look_at_root},
      {files_apart, look_at_files},
      {signals_apart, look_at_signals},
      {scratch_folder, look_at_scratch},
      {process_watch, look_at_watch},
      in_child(seccomp, filter_syscalls),
      in_child(foreign_abis, kill_foreign_abis),
      in_child(capabilities, give_capabilities_up),
      in_child(no_new_privs, check_no_new_privs),
      in_child(not_dumpable, check_not_dumpable),
      in_child(rlimits, check_rlimits),
      {landlock, look_at_landlock},
      cgroup_row(cgroup_memory, "memory"),
      cgroup_row(cgroup_pids, "pids"),
      cgroup_row(cgroup_cpu, "cpu"),
      {python_environment, look_at_environment},
      {zygote_program, look_at_program},
  };
  return table;
}

Layer layer_of(const LayerRow& row, Need need, Sight sight) {
  Layer layer;
  layer.key = row.key;
  layer.name = row.name;
  layer.required = need == Need::required;
  layer.state = sight.state;
  layer.detail = std::move(sight.detail);
  layer.advice = std::move(sight.advice);
  if (layer.state != State::enforced && layer.advice.empty()) layer.advice = row.advice;
  return layer;
}

}  // namespace

Sight seen(State state, std::string detail, std::string advice) {
  return {state, std::move(detail), std::move(advice)};
}

Sight try_in_child(const Steps& steps, std::string detail) {
  const Trial trial = run_trial(steps);
  const State state = state_of(trial.error);
  if (state == State::enforced) return seen(state, std::move(detail));
  return seen(state, std::string(trial.step.view()) + ": " + std::strerror(trial.error));
}

StepFailure take_user(std::uint32_t uid) {
  if (::setresgid(uid, uid, uid) != 0) return failed("setresgid");
  if (::setresuid(uid, uid, uid) != 0) return failed("setresuid");
  // The change of user hides /proc/self from its own user; the id maps are written there.
  if (::prctl(PR_SET_DUMPABLE, 1) != 0) return failed("PR_SET_DUMPABLE");
  return {};
}

std::vector<Layer> probe_layers(const Options& options) {
  const auto block = claim_ids(options.uid_base, ids_needed(options));
  ProbePlace place{options, block, block ? block->first : options.uid_base, false};
  place.own_users = look_at_own_users(place).state == State::enforced;
  std::vector<Layer> layers;
  for (const ProbeRow& probe : probe_table()) {
    const LayerRow& row = layer_row(probe.key);
    const Need need = row.need(options.profile);
    if (need != Need::unused) layers.push_back(layer_of(row, need, probe.look(place)));
  }
  return layers;
}

}  // namespace mecapy::sandbox
