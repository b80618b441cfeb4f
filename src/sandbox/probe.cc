// Each layer is tried by doing it in a child that is thrown away: what a kernel is configured for
// and what it lets this process do are two things (containers, AppArmor, sysctls).
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>

#include "sandbox/cgroup.h"
#include "sandbox/filter.h"
#include "sandbox/kernel_file.h"
#include "sandbox/packet.h"
#include "sandbox/privileges.h"
#include "sandbox/protocol.h"
#include "sandbox/sandbox.h"
#include "sandbox/user_ids.h"

namespace mecapy::sandbox {
namespace {

enum class Need { required, optional };

struct Trial {
  int error = 0;  // errno of the failed step, 0 when all went well
  Text<96> step{};
};

using Steps = std::function<StepFailure()>;

Trial try_in_child(const Steps& steps) {
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
    Trial seen;
    seen.error = step.error;
    if (step) seen.step.set(step.step);
    (void)::send(far.get(), &seen, sizeof seen, MSG_NOSIGNAL);  // a filter may have taken sendmsg
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

Layer::State state_of(int error) {
  switch (error) {
    case 0:
      return Layer::State::enforced;
    case EPERM:
    case EACCES:
    case EROFS:
      return Layer::State::refused;
    case ENOSYS:
    case EINVAL:
    case ENODEV:
    case ENOSPC:  // max_*_namespaces is 0: namespaces(7)
    case ENOENT:
      return Layer::State::missing;
    default:
      return Layer::State::undetermined;
  }
}

Layer layer(std::string name, Need need, std::string advice, const Steps& steps) {
  const Trial trial = try_in_child(steps);
  Layer result;
  result.name = std::move(name);
  result.required = need == Need::required;
  result.state = state_of(trial.error);
  result.detail = "done in a child process";
  if (result.state == Layer::State::enforced) return result;
  result.detail = std::string(trial.step.view()) + ": " + std::strerror(trial.error);
  result.advice = std::move(advice);
  return result;
}

// --- the steps ---

StepFailure become(std::uint32_t uid) {
  if (::setresgid(uid, uid, uid) != 0) return failed("setresgid");
  if (::setresuid(uid, uid, uid) != 0) return failed("setresuid");
  // The change of user hides /proc/self from its own user; the id maps are written there.
  if (::prctl(PR_SET_DUMPABLE, 1) != 0) return failed("PR_SET_DUMPABLE");
  return {};
}

// As the zygote does it: an unprivileged user makes a user namespace and, in it, the others.
StepFailure unshare_as(std::uint32_t uid, int flags) {
  if (const StepFailure step = become(uid)) return step;
  if (::unshare(CLONE_NEWUSER | flags) != 0) return failed("unshare");
  const std::string map = std::to_string(kInnerUid) + " " + std::to_string(uid) + " 1\n";
  if (!write_text(AT_FDCWD, "/proc/self/setgroups", "deny")) return failed("deny setgroups");
  if (!write_text(AT_FDCWD, "/proc/self/gid_map", map)) return failed("write gid_map");
  if (!write_text(AT_FDCWD, "/proc/self/uid_map", map)) return failed("write uid_map");
  return {};
}

StepFailure mount_inside(std::uint32_t uid) {
  if (const StepFailure step = unshare_as(uid, CLONE_NEWNS)) return step;
  if (::mount("mecapy", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64k") != 0) {
    return failed("mount a tmpfs in a user namespace");
  }
  return {};
}

StepFailure mount_template() {
  if (::unshare(CLONE_NEWNS) != 0) return failed("unshare");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return failed("mount private");
  const base::Fd tree(
      ::open_tree(AT_FDCWD, "/usr/lib", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  if (!tree) return failed("open_tree");
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                      sizeof attributes) != 0) {
    return failed("mount_setattr");
  }
  if (::mount("mecapy", "/tmp", "tmpfs", 0, "size=64k") != 0) return failed("mount a tmpfs");
  if (::mkdir("/tmp/proc", 0755) != 0) return failed("mkdir");
  if (::mount("proc", "/tmp/proc", "proc", 0, "hidepid=invisible") != 0)
    return failed("mount proc");
  if (::chdir("/tmp") != 0) return failed("chdir");
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return failed("pivot_root");
  return {};
}

StepFailure filter_syscalls() {
  FilterProgram zygote;
  FilterProgram run;
  if (const StepFailure step = build_filter(FilterKind::zygote, zygote)) return step;
  if (const StepFailure step = build_filter(FilterKind::run, run)) return step;
  if (const StepFailure step = set_no_new_privs()) return step;
  if (const StepFailure step = install_filter(zygote)) return step;
  if (const StepFailure step = install_filter(run)) return step;
  if (::socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM) {
    return failed("a filtered call went through", EPROTO);
  }
  return {};
}

StepFailure landlock_version() {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version >= 1 ? StepFailure{} : failed("landlock_create_ruleset");
}

StepFailure check_no_new_privs() {
  if (const StepFailure step = set_no_new_privs()) return step;
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) return {};
  return failed("read no_new_privs back", EPROTO);
}

StepFailure check_environment(const Options& options) {
  const auto readable = [](const std::string& path) { return ::access(path.c_str(), R_OK) == 0; };
  if (!readable(options.site_packages + "/numpy")) return failed("look for numpy in site_packages");
  if (!readable(options.runtime_folder + "/mecapy/_harness.py"))
    return failed("look for the runtime");
  return {};
}

StepFailure check_program(const Options& options) {
  if (::access(options.zygote_program.c_str(), X_OK) != 0) return failed("look for mecapy-zygote");
  return {};
}

// --- cgroups ---

StepFailure make_group(const ControllerPlace& place) {
  const std::string folder = place.folder + "/mecapy-" + std::to_string(::getpid());
  if (::mkdir(folder.c_str(), 0755) != 0) return failed("make a cgroup");
  ::rmdir(folder.c_str());
  return {};
}

Layer cgroup_layer(const char* name, const ControllerPlace& place, const char* instead) {
  Layer result;
  result.name = std::string("cgroup ") + name;
  result.required = false;
  if (place.version == 0) {
    result.state = Layer::State::missing;
    result.detail = place.why;
    result.advice = std::string("without it ") + instead;
    return result;
  }
  const std::string full = result.name + (place.version == 1 ? " (v1)" : " (v2)");
  return layer(full, Need::optional,
               "let this process make cgroups below " + place.folder + "; without them " + instead,
               [&] { return make_group(place); });
}

void add_cgroups(std::vector<Layer>& layers) {
  const ControllerPlaces places = find_controllers();
  layers.push_back(cgroup_layer(
      "memory", places[0], "memory is limited per process by RLIMIT_AS, not for all together"));
  layers.push_back(cgroup_layer("pids", places[1], "processes are limited by RLIMIT_NPROC"));
  layers.push_back(cgroup_layer("cpu", places[2], "runs may use more CPUs than granted"));
}

struct NamespaceRow {
  const char* name;
  int flag;
};
constexpr NamespaceRow kNamespaces[] = {
    {"user namespace", 0},
    {"pid namespace", CLONE_NEWPID},
    {"mount namespace", CLONE_NEWNS},
    {"network namespace", CLONE_NEWNET},
    {"ipc namespace", CLONE_NEWIPC},
    {"uts namespace", CLONE_NEWUTS},
    {"cgroup namespace", CLONE_NEWCGROUP},
};

Layer user_ids_layer(const Result<IdBlock>& block) {
  Layer result;
  result.name = "user ids";
  if (!block) {
    result.state = Layer::State::refused;
    result.detail = block.error().message;
    result.advice = "runs need ids that are nobody else's";
    return result;
  }
  result.state = Layer::State::enforced;
  result.detail = std::to_string(block->first) + " to " + std::to_string(block->last);
  if (block->passed_over) {
    result.detail += ", the first that are free: " + block->passed_over->words();
    result.advice = "nothing has to be done; set worker.uid_base to choose ids yourself";
  }
  return result;
}

constexpr const char* kUserNamespaces =
    "allow unprivileged user namespaces (sysctl user.max_user_namespaces, "
    "kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0); a "
    "container "
    "needs a seccomp profile that lets clone and mount through";

}  // namespace

std::vector<Layer> probe_layers(const Options& options) {
  const auto block = claim_ids(options.uid_base, ids_needed(options));
  const std::uint32_t uid = block ? block->first : options.uid_base;
  std::vector<Layer> layers;
  layers.push_back(layer("another user", Need::required,
                         "start as root: the sandbox needs it to switch users and to make cgroups, "
                         "and gives up the rest itself",
                         [&] { return become(uid); }));
  layers.push_back(user_ids_layer(block));
  for (const NamespaceRow& row : kNamespaces) {
    layers.push_back(layer(row.name, Need::required, kUserNamespaces,
                           [&] { return unshare_as(uid, row.flag); }));
  }
  layers.push_back(layer("mounts in a user namespace", Need::required, kUserNamespaces,
                         [&] { return mount_inside(uid); }));
  layers.push_back(layer("read-only root", Need::required,
                         "start as root with CAP_SYS_ADMIN, and leave /proc unmasked (container: "
                         "--security-opt systempaths=unconfined)",
                         [] { return mount_template(); }));
  layers.push_back(layer("seccomp", Need::required, "use a kernel with CONFIG_SECCOMP_FILTER",
                         [] { return filter_syscalls(); }));
  layers.push_back(layer("no_new_privs", Need::required, "use Linux 3.5 or later",
                         [] { return check_no_new_privs(); }));
  layers.push_back(layer("landlock", Need::optional,
                         "add landlock to the kernel's lsm= list for a second wall around files",
                         [] { return landlock_version(); }));
  add_cgroups(layers);
  layers.push_back(layer("python environment", Need::required,
                         "install the locked packages into " + options.site_packages +
                             " and the runtime into " + options.runtime_folder,
                         [&] { return check_environment(options); }));
  layers.push_back(layer("zygote program", Need::required,
                         "install mecapy-zygote at " + options.zygote_program,
                         [&] { return check_program(options); }));
  return layers;
}

}  // namespace mecapy::sandbox
