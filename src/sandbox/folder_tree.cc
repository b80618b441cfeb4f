#include "sandbox/folder_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/id.h"

namespace mecapy::sandbox {
namespace {

constexpr int kDeepest = 64;           // one descriptor each
constexpr std::uint64_t kBlock = 512;  // the unit of st_blocks
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

using Dir = std::unique_ptr<DIR, int (*)(DIR*)>;

// Its own view of `folder`, from the beginning.
Dir read_dir(int folder) {
  const int fd = ::openat(folder, ".", kFolderFlags);
  DIR* const dir = fd < 0 ? nullptr : ::fdopendir(fd);
  if (dir == nullptr && fd >= 0) ::close(fd);
  return {dir, ::closedir};
}

bool is_real(const dirent& entry) {
  const std::string_view name = entry.d_name;
  return name != "." && name != "..";
}

class Measure {
 public:
  explicit Measure(const DiskBounds& bounds) : bounds_(bounds) {}

  void look(int folder, int depth) {
    const Dir dir = read_dir(folder);
    if (!dir) return;  // closed by its owner, or gone
    while (const dirent* entry = ::readdir(dir.get())) {
      if (is_real(*entry)) add(folder, entry->d_name, depth);
      if (past()) return;
    }
  }
  const DiskBounds& seen() const { return seen_; }

 private:
  bool past() const { return seen_.bytes > bounds_.bytes || seen_.inodes > bounds_.inodes; }

  void add(int folder, const char* name, int depth) {
    struct stat info {};
    if (::fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return;
    ++seen_.inodes;
    const auto blocks = static_cast<std::uint64_t>(info.st_blocks);
    const bool is_folder = S_ISDIR(info.st_mode);
    // A file with two names in here is counted at each by half.
    seen_.bytes += blocks * kBlock / (is_folder ? 1 : std::max<nlink_t>(info.st_nlink, 1));
    if (!is_folder) return;
    if (depth == kDeepest) {
      seen_.inodes = std::numeric_limits<std::uint64_t>::max();
      return;
    }
    const base::Fd below(::openat(folder, name, kFolderFlags));
    if (below) look(below.get(), depth + 1);
  }

  const DiskBounds& bounds_;
  DiskBounds seen_;
};

class Emptying {
 public:
  explicit Emptying(int top) : top_(top) {}

  // What lies too deep is moved up first, so that no depth needs more descriptors.
  bool run() {
    do {
      moved_ = false;
      whole_ = true;
      empty(top_, 0);
    } while (moved_ && whole_);
    return whole_;
  }

 private:
  void empty(int folder, int depth) {
    (void)::fchmod(folder, 0700);
    const Dir dir = read_dir(folder);
    if (!dir) {
      whole_ = false;
      return;
    }
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(dir.get())) {
      if (is_real(*entry)) names.emplace_back(entry->d_name);
    }
    for (const std::string& name : names) remove(folder, name.c_str(), depth);
  }

  void remove(int folder, const char* name, int depth) {
    if (::unlinkat(folder, name, 0) == 0) return;
    if (::unlinkat(folder, name, AT_REMOVEDIR) == 0) return;
    struct stat info {};
    if (::fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(info.st_mode)) {
      whole_ = whole_ && errno == ENOENT;
      return;
    }
    (void)::fchmodat(folder, name, 0700, 0);
    if (depth >= kDeepest) {
      // A name that nobody can have foreseen: neither the run nor one who began before us.
      const std::string up = ".mecapy-" + base::random_hex(16);
      whole_ = whole_ && ::renameat(folder, name, top_, up.c_str()) == 0;
      moved_ = true;
      return;
    }
    const base::Fd below(::openat(folder, name, kFolderFlags));
    if (below) empty(below.get(), depth + 1);
    if (::unlinkat(folder, name, AT_REMOVEDIR) != 0 && !moved_) whole_ = false;
  }

  int top_;
  bool moved_ = false;
  bool whole_ = true;
};

}  // namespace

DiskBounds measure_folder(int folder, const DiskBounds& bounds) {
  Measure measure(bounds);
  measure.look(folder, 0);
  return measure.seen();
}

bool empty_folder(int folder) { return Emptying(folder).run(); }

}  // namespace mecapy::sandbox
