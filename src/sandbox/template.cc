#include "sandbox/template.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "base/fd.h"

namespace mecapy::sandbox {
namespace {

using base::Fd;

enum class Kind { folder, file, device };
enum class Presence { always, if_present };

struct Bind {
  std::string source;  // on the machine
  const char* target;  // below the new root, no leading slash
  Kind kind;
  Presence need;
};

std::vector<Bind> binds_of(const Options& options) {
  using enum Kind;
  using enum Presence;
  std::vector<Bind> binds = {
      {"/usr/lib", "usr/lib", folder, always},
      {"/usr/lib64", "usr/lib64", folder, if_present},
      {"/usr/share/zoneinfo", "usr/share/zoneinfo", folder, if_present},
      {"/usr/share/fonts", "usr/share/fonts", folder, if_present},
      {"/etc/ld.so.cache", "etc/ld.so.cache", file, if_present},
      {"/etc/localtime", "etc/localtime", file, if_present},
      {options.site_packages, kTemplateEnvironment + 1, folder, always},
      {options.runtime_folder, kTemplateRuntime + 1, folder, always},
      {"/dev/null", "dev/null", device, always},
      {"/dev/zero", "dev/zero", device, always},
      {"/dev/urandom", "dev/urandom", device, always},
  };
  for (const std::string& path : options.gpu_devices) {
    binds.push_back({path, path.c_str() + 1, device, always});
  }
  return binds;
}

// A detached copy of `source`'s mounts, read-only at every level. A plain MS_BIND would ignore
// MS_RDONLY and leave submounts as they are (mount_setattr(2), Linux 5.12).
StepFailure copy_tree(const Bind& bind, Fd& tree) {
  tree = Fd(::open_tree(AT_FDCWD, bind.source.c_str(),
                        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
  if (!tree) {
    if (errno == ENOENT && bind.need == Presence::if_present) return {};
    return failed("open a folder of the template");
  }
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
  attributes.attr_set |= bind.kind == Kind::device ? MOUNT_ATTR_NOEXEC : MOUNT_ATTR_NODEV;
  if (::mount_setattr(tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                      sizeof attributes) != 0) {
    return failed("make a folder of the template read-only");
  }
  return {};
}

StepFailure make_folders(int root, std::string path) {
  for (std::size_t at = 0; at != std::string::npos;) {
    at = path.find('/', at + 1);
    if (::mkdirat(root, path.substr(0, at).c_str(), 0755) != 0 && errno != EEXIST) {
      return failed("make a folder of the template");
    }
  }
  return {};
}

StepFailure make_file(int root, const char* path, std::string_view content) {
  const Fd file(::openat(root, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (!file) return failed("make a file of the template");
  if (::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    return failed("write a file of the template");
  }
  return {};
}

StepFailure attach(int root, const Bind& bind, const Fd& tree) {
  const std::string target = bind.target;
  const std::string parent =
      bind.kind == Kind::folder ? target : target.substr(0, target.find_last_of('/'));
  if (const StepFailure step = make_folders(root, parent)) return step;
  if (bind.kind != Kind::folder) {
    if (const StepFailure step = make_file(root, bind.target, "")) return step;
  }
  if (::move_mount(tree.get(), "", root, bind.target, MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return failed("mount a folder of the template");
  }
  return {};
}

// What libraries ask of /etc, and the empty places where a run mounts its own.
StepFailure fill(int root) {
  for (const char* folder : {"etc", "work", "tmp", "dev/shm", "proc", "mnt", "mecapy/cache"}) {
    if (const StepFailure step = make_folders(root, folder)) return step;
  }
  struct File {
    const char* path;
    std::string_view content;
  };
  constexpr std::array files = {
      File{"etc/passwd", "author:x:1000:1000::/work:/usr/sbin/nologin\n"},
      File{"etc/group", "author:x:1000:\n"},
      File{"etc/hosts", "127.0.0.1 localhost\n"},
      File{"etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"},
  };
  for (const File& file : files) {
    if (const StepFailure step = make_file(root, file.path, file.content)) return step;
  }
  // A merged /usr, as on Debian since 12.
  if (::symlinkat("usr/lib", root, "lib") != 0) return failed("link /lib");
  if (::symlinkat("usr/lib64", root, "lib64") != 0) return failed("link /lib64");
  return {};
}

// pivot_root(".", "."): the old root ends up on top of the new one and is detached (pivot_root(2)).
StepFailure change_root(int root) {
  if (::fchdir(root) != 0) return failed("enter the template");
  if (::mount(nullptr, ".", nullptr, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "mode=755") != 0) {
    return failed("make the template's root read-only");
  }
  if (::syscall(SYS_pivot_root, ".", ".") != 0) return failed("pivot_root");
  if (::umount2(".", MNT_DETACH) != 0) return failed("leave the machine's root");
  if (::chdir("/") != 0) return failed("chdir /");
  return {};
}

StepFailure build(const std::vector<Bind>& binds, const std::vector<Fd>& trees, std::uint32_t uid) {
  // The sources are open already, so that the new root may hide /tmp, where one of them may be.
  if (::mount("mecapy", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "mode=755,size=1m,nr_inodes=256") != 0) {
    return failed("mount the template's root");
  }
  const Fd root(::open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return failed("open the template's root");
  if (const StepFailure step = fill(root.get())) return step;
  for (std::size_t i = 0; i < binds.size(); ++i) {
    if (!trees[i]) continue;
    if (const StepFailure step = attach(root.get(), binds[i], trees[i])) return step;
  }
  // The only place the zygote may write: caches that runs read (mecapy._fonts). Theirs it is not:
  // its owner does not exist in their user namespace. Without times of access, or one run could see
  // what another had read.
  const std::string owner = std::to_string(uid);
  const std::string cache = "mode=755,size=1m,nr_inodes=16,uid=" + owner + ",gid=" + owner;
  if (::mount("mecapy", "/tmp/mecapy/cache", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME,
              cache.c_str()) != 0) {
    return failed("mount the template's cache");
  }
  // A whole proc must be visible here, or the kernel refuses the runs theirs (user_namespaces(7));
  // it shows the zygote no process but its own.
  if (::mount("proc", "/tmp/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=invisible") !=
      0) {
    return failed("mount the template's /proc");
  }
  return change_root(root.get());
}

}  // namespace

std::vector<std::string> visible_places(const Options& options) {
  std::vector<std::string> places;
  for (const Bind& bind : binds_of(options)) {
    if (bind.need == Presence::always || ::access(bind.source.c_str(), F_OK) == 0) {
      places.push_back(bind.source);
    }
  }
  return places;
}

StepFailure enter_template(const Options& options) {
  if (::unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0) {
    return failed("unshare the zygote's namespaces");
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return failed("make mounts private");
  }
  const std::vector<Bind> binds = binds_of(options);
  std::vector<Fd> trees(binds.size());
  for (std::size_t i = 0; i < binds.size(); ++i) {
    if (const StepFailure step = copy_tree(binds[i], trees[i])) return step;
  }
  return build(binds, trees, options.uid_base);
}

}  // namespace mecapy::sandbox
