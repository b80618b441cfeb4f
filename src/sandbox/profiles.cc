#include "sandbox/profiles.h"

#include <algorithm>

namespace mecapy::sandbox {
namespace {

using enum LayerKey;
using enum Need;

constexpr std::string_view kUserNamespaces =
    "allow unprivileged user namespaces (sysctl user.max_user_namespaces, "
    "kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0); a "
    "container needs a seccomp profile that lets clone, unshare and mount through";
constexpr std::string_view kWholeProc =
    "leave /proc unmasked (container: --security-opt systempaths=unconfined)";
constexpr std::string_view kCgroups =
    "let this process make cgroups with this controller (systemd: Delegate=yes; container: a "
    "writable /sys/fs/cgroup)";

}  // namespace

const std::array<ProfileRow, 2> kProfileTable = {{
    {Profile::host, "host", "every layer, on a machine where namespaces and cgroups can be made"},
    {Profile::container, "container",
     "for containers without user namespaces and capabilities; weaker, see docs/security.md"},
}};

const std::array<LayerRow, kLayers> kLayerTable = {{
    {another_user, "another user", required, unused,
     "start as root: the sandbox needs it to switch users and to make cgroups, and gives up the "
     "rest itself"},
    {user_ids, "user ids", required, optional, "runs need ids that are nobody else's"},
    {own_users, "a user per run", unused, optional,
     "without it all runs are the worker's own user, and Landlock and seccomp alone keep them "
     "apart; to have it, start the container as root with Docker's default capabilities"},
    {never_root, "runs are not root", unused, required,
     "start the container as another user, or as root with CAP_SETUID, CAP_SETGID, CAP_SETPCAP, "
     "CAP_KILL, CAP_CHOWN, CAP_FOWNER and CAP_DAC_OVERRIDE"},
    {user_namespace, "user namespace", required, unused, kUserNamespaces},
    {pid_namespace, "pid namespace", required, unused, kUserNamespaces},
    {mount_namespace, "mount namespace", required, unused, kUserNamespaces},
    {network_namespace, "network namespace", required, unused, kUserNamespaces},
    {ipc_namespace, "ipc namespace", required, unused, kUserNamespaces},
    {uts_namespace, "uts namespace", required, unused, kUserNamespaces},
    {cgroup_namespace, "cgroup namespace", required, unused, kUserNamespaces},
    {time_namespace, "time namespace", optional, unused,
     "use a kernel with CONFIG_TIME_NS (Linux 5.6)"},
    {tmpfs_limits, "tmpfs limits", required, unused, kUserNamespaces},
    {masked_proc, "masked /proc", required, unused, kWholeProc},
    {pivot_root, "read-only root", required, unused,
     "start as root with CAP_SYS_ADMIN, and leave /proc unmasked (container: --security-opt "
     "systempaths=unconfined)"},
    {files_apart, "files kept apart", unused, required,
     "use a kernel with Landlock, or start as root with Docker's default capabilities in an image "
     "where users other than root can write nowhere"},
    {signals_apart, "signals kept apart", unused, required,
     "use a kernel with CONFIG_SECCOMP_FILTER"},
    {scratch_folder, "scratch folder", unused, required,
     "set worker.scratch to a folder that the worker can write, with room for the working folders "
     "of all runs"},
    {process_watch, "process watch", unused, required,
     "mount /proc in the container, of a kernel with CONFIG_PROC_CHILDREN"},
    {seccomp, "seccomp", required, required, "use a kernel with CONFIG_SECCOMP_FILTER"},
    {foreign_abis, "foreign ABIs killed", required, required,
     "use a kernel with CONFIG_SECCOMP_FILTER"},
    {capabilities, "no capabilities", required, required, "use Linux 4.3 or later"},
    {no_new_privs, "no_new_privs", required, required, "use Linux 3.5 or later"},
    {not_dumpable, "not dumpable", required, required, "let prctl(PR_SET_DUMPABLE) through"},
    {rlimits, "rlimits", required, required, "let setrlimit through; RLIMIT_AS must be obeyed"},
    {landlock, "landlock", optional, optional,
     "add landlock to the kernel's lsm= list for a second wall around files"},
    {cgroup_memory, "cgroup memory", required, unused, kCgroups},
    {cgroup_pids, "cgroup pids", required, unused, kCgroups},
    {cgroup_cpu, "cgroup cpu", required, unused, kCgroups},
    {python_environment, "python environment", required, required,
     "install the locked packages and the runtime where runs can read them"},
    {zygote_program, "zygote program", required, required, "install mecapy-zygote beside mecapy"},
}};

const ProfileRow& profile_row(Profile profile) {
  return kProfileTable[static_cast<std::size_t>(profile)];
}

std::optional<Profile> profile_named(std::string_view name) {
  const auto found = std::ranges::find(kProfileTable, name, &ProfileRow::name);
  return found == kProfileTable.end() ? std::nullopt : std::optional(found->profile);
}

const LayerRow& layer_row(LayerKey key) { return kLayerTable[static_cast<std::size_t>(key)]; }

}  // namespace mecapy::sandbox
