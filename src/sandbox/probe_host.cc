// The layers of the profile host: ids, namespaces, mounts, cgroups.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"
#include "sandbox/cgroup.h"
#include "sandbox/kernel_file.h"
#include "sandbox/probe_steps.h"
#include "sandbox/protocol.h"
#include "sandbox/user_ids.h"

namespace mecapy::sandbox {
namespace {

using State = Layer::State;

// As the zygote does it: an unprivileged user makes a user namespace and, in it, the others. A time
// namespace comes after the others (init.cc).
StepFailure unshare_as(std::uint32_t uid, int flags) {
  if (const StepFailure step = take_user(uid)) return step;
  if (::unshare(CLONE_NEWUSER | flags) != 0) return failed("unshare");
  const std::string map = std::to_string(kInnerUid) + " " + std::to_string(uid) + " 1\n";
  if (!write_text(AT_FDCWD, "/proc/self/setgroups", "deny")) return failed("deny setgroups");
  if (!write_text(AT_FDCWD, "/proc/self/gid_map", map)) return failed("write gid_map");
  if (!write_text(AT_FDCWD, "/proc/self/uid_map", map)) return failed("write uid_map");
  return {};
}

StepFailure bound_tmpfs(std::uint32_t uid) {
  if (const StepFailure step = unshare_as(uid, CLONE_NEWNS)) return step;
  if (::mount("mecapy", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "size=64k,nr_inodes=4") != 0) {
    return failed("mount a tmpfs in a user namespace");
  }
  const base::Fd file(::open("/tmp/file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!file) return failed("write into a tmpfs");
  if (::ftruncate(file.get(), 128 * 1024) == 0 && ::fallocate(file.get(), 0, 0, 128 * 1024) == 0) {
    return does_not_hold("a tmpfs grew past its size");
  }
  for (const char* more : {"/tmp/a", "/tmp/b", "/tmp/c", "/tmp/d"}) {
    if (::mkdir(more, 0700) != 0) return {};
  }
  return does_not_hold("a tmpfs grew past its inodes");
}

// In a pid namespace of its own, whose first process may mount its /proc.
StepFailure mask_proc(std::uint32_t uid) {
  if (const StepFailure step = unshare_as(uid, CLONE_NEWNS | CLONE_NEWPID)) return step;
  const pid_t pid = ::fork();
  if (pid < 0) return failed("fork");
  if (pid == 0) {
    const int done = ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                             "subset=pid,hidepid=invisible");
    ::_exit(done == 0 ? 0 : errno);
  }
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) return failed("wait", EPROTO);
  return WEXITSTATUS(status) == 0 ? StepFailure{} : failed("mount /proc", WEXITSTATUS(status));
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

// Whether what a run of v2 swaps can be bounded. A group tells once it has the controller, which
// this process hands on only when it starts: its own has it, unless that is the root of all.
bool may_bound_swap(const std::string& own) {
  return bounds_swap(own) || ::access((own + "/memory.max").c_str(), F_OK) != 0;
}

// v2 also asks to hand the controller to children, and to move this process out of their way.
StepFailure make_group(const ControllerPlace& place, Controller controller) {
  const std::string folder = place.folder + "/mecapy-" + std::to_string(::getpid());
  if (::mkdir(folder.c_str(), 0755) != 0) return failed("make a cgroup");
  ::rmdir(folder.c_str());
  if (place.version == 1) return {};
  for (const char* file : {"/cgroup.subtree_control", "/cgroup.procs"}) {
    if (::access((place.folder + file).c_str(), W_OK) != 0) return failed("write into a cgroup");
  }
  if (controller == Controller::memory && !may_bound_swap(place.folder)) {
    return failed("bound swap (memory.swap.max)", ENOENT);
  }
  return {};
}

}  // namespace

Sight look_at_user_ids(const ProbePlace& place) {
  const Result<IdBlock>& block = place.ids;
  if (!block) return seen(State::refused, block.error().message);
  std::string detail = std::to_string(block->first) + " to " + std::to_string(block->last);
  if (!block->passed_over) return seen(State::enforced, std::move(detail));
  return seen(State::enforced, detail + ", the first that are free: " + block->passed_over->words(),
              "nothing has to be done; set worker.uid_base to choose ids yourself");
}

Sight look_at_namespace(const ProbePlace& place, int flag) {
  return try_in_child([&] { return unshare_as(place.uid, flag); });
}

Sight look_at_tmpfs(const ProbePlace& place) {
  return try_in_child([&] { return bound_tmpfs(place.uid); });
}

Sight look_at_proc(const ProbePlace& place) {
  return try_in_child([&] { return mask_proc(place.uid); });
}

Sight look_at_root(const ProbePlace&) { return try_in_child(mount_template); }

Sight look_at_cgroup(const ProbePlace&, const char* controller) {
  const std::string_view name = controller;
  const auto index = name == "memory" ? Controller::memory
                     : name == "pids" ? Controller::pids
                                      : Controller::cpu;
  const ControllerPlace place = find_controllers()[static_cast<std::size_t>(index)];
  if (place.version == 0) return seen(State::missing, place.why);
  const std::string where = "v" + std::to_string(place.version) + ", " + place.folder;
  Sight sight = try_in_child([&] { return make_group(place, index); }, where);
  if (sight.state != State::enforced) sight.detail += " (" + where + ")";
  return sight;
}

}  // namespace mecapy::sandbox
