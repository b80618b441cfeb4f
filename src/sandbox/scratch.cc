#include "sandbox/scratch.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "sandbox/folder_tree.h"

namespace mecapy::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "mecapy-runs-";

base::Fd open_folder(const std::string& path) {
  return base::Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// Whether the folder that `fd` holds is the one at `path` still, and this user's.
bool is_ours(int fd, const std::string& path) {
  struct stat held {};
  struct stat there {};
  return ::fstat(fd, &held) == 0 && ::lstat(path.c_str(), &there) == 0 &&
         held.st_ino == there.st_ino && held.st_dev == there.st_dev && held.st_uid == ::geteuid();
}

void remove_stale(const std::string& place) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(place, ignored)) {
    const std::string path = entry.path();
    if (!entry.path().filename().string().starts_with(kPrefix)) continue;
    const base::Fd folder = open_folder(path);
    if (!folder || !is_ours(folder.get(), path)) continue;
    if (::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) continue;
    (void)Scratch::remove_folder(path);
  }
}

StepFailure give_to(const std::string& path, std::optional<std::uint32_t> owner) {
  if (owner && ::lchown(path.c_str(), *owner, *owner) != 0) return failed("hand a folder over");
  return {};
}

}  // namespace

StepFailure Scratch::make(const std::string& place, std::unique_ptr<Scratch>& scratch) {
  remove_stale(place);
  for (int attempt = 0; attempt < 3; ++attempt) {
    std::string path = place + "/" + std::string(kPrefix) + "XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) return failed("make a folder in worker.scratch");
    base::Fd lock = open_folder(path);
    if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) continue;
    if (!is_ours(lock.get(), path)) continue;  // another took it for a stale one
    // Runs of other users pass through it to their own.
    if (::chmod(path.c_str(), 0711) != 0) return failed("open the scratch folder");
    scratch.reset(new Scratch(std::move(path), std::move(lock)));
    return {};
  }
  return failed("lock a folder in worker.scratch");
}

Scratch::~Scratch() { (void)remove_folder(path_); }

StepFailure Scratch::make_cache(std::optional<std::uint32_t> owner) {
  if (::mkdir(cache().c_str(), 0755) != 0) return failed("make the cache folder");
  return give_to(cache(), owner);
}

StepFailure Scratch::make_folder(std::optional<std::uint32_t> owner, std::string& path) {
  path = path_ + "/run-" + std::to_string(++last_);
  for (const std::string& folder : {path, path + "/work", path + "/tmp"}) {
    if (::mkdir(folder.c_str(), 0700) != 0) return failed("make a run's folder");
  }
  for (const std::string& folder : {path + "/work", path + "/tmp", path}) {
    if (const StepFailure step = give_to(folder, owner)) return step;
  }
  return {};
}

bool Scratch::remove_folder(const std::string& path) {
  if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return true;
  const base::Fd folder = open_folder(path);
  return folder && empty_folder(folder.get()) && ::rmdir(path.c_str()) == 0;
}

}  // namespace mecapy::sandbox
