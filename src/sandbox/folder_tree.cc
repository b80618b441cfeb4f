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

// A folder of this user's, readable by it for as long as this lives, whatever its mode. `held` is
// a descriptor of it of any kind (O_PATH).
class Opened {
 public:
  explicit Opened(int held) : path_("/proc/self/fd/" + std::to_string(held)) {
    struct stat info {};
    if (::fstat(held, &info) != 0 || (info.st_mode & S_IRWXU) == S_IRWXU) return;
    mode_ = info.st_mode & 07777;
    (void)::chmod(path_.c_str(), open_mode());
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  ~Opened() {
    struct stat info {};
    if (mode_ == kAsItIs || ::stat(path_.c_str(), &info) != 0) return;
    // Else its owner has changed it meanwhile.
    if ((info.st_mode & 07777) == open_mode()) (void)::chmod(path_.c_str(), mode_);
  }

 private:
  mode_t open_mode() const { return mode_ | S_IRWXU; }

  static constexpr mode_t kAsItIs = ~mode_t{0};
  std::string path_;
  mode_t mode_ = kAsItIs;
};

bool is_real(const dirent& entry) {
  const std::string_view name = entry.d_name;
  return name != "." && name != "..";
}

class Measure {
 public:
  explicit Measure(const DiskBounds& bounds) : bounds_(bounds) {}

  void look(int folder, int depth) {
    const Opened opened(folder);
    const Dir dir = read_dir(folder);
    if (!dir) return pass_if_closed();
    while (const dirent* entry = ::readdir(dir.get())) {
      if (is_real(*entry)) add(folder, entry->d_name, depth);
      if (past()) return;
    }
  }
  const DiskBounds& seen() const { return seen_; }

 private:
  void pass_if_closed() {
    if (errno == EACCES || errno == EPERM) pass();
  }
  void pass() { seen_.inodes = std::numeric_limits<std::uint64_t>::max(); }
  bool past() const { return seen_.bytes > bounds_.bytes || seen_.inodes > bounds_.inodes; }

  void add(int folder, const char* name, int depth) {
    struct stat info {};
    if (::fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) return pass_if_closed();
    ++seen_.inodes;
    const auto blocks = static_cast<std::uint64_t>(info.st_blocks);
    const bool is_folder = S_ISDIR(info.st_mode);
    // A file with two names in here is counted at each by half.
    seen_.bytes += blocks * kBlock / (is_folder ? 1 : std::max<nlink_t>(info.st_nlink, 1));
    if (!is_folder) return;
    if (depth == kDeepest) return pass();
    const base::Fd below(::openat(folder, name, kFolderFlags | O_PATH));
    if (!below) return pass_if_closed();
    look(below.get(), depth + 1);
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
  void move_up(int folder, const char* name) {
    // A name that nobody can have taken: neither the run nor one who began this and died.
    const std::string up = ".mecapy-" + base::random_hex(16);
    whole_ = whole_ && ::renameat(folder, name, top_, up.c_str()) == 0;
    moved_ = true;
  }

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
      move_up(folder, name);
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
