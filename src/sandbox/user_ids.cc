#include "sandbox/user_ids.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <vector>

namespace mecapy::sandbox {
namespace {

using Kind = TakenIds::Kind;

constexpr std::uint64_t kFirstId = 1000;       // those below are the system's
constexpr std::uint64_t kLastId = 0x7fffffff;  // some programs take more for a negative number

constexpr int kOpenAttempts = 1000;  // of a file that its last holder removes

// systemd's dynamic users, nobody, and the 16-bit -1 (systemd: UIDS-GIDS.md).
constexpr std::uint64_t kSystemFirst = 61184;
constexpr std::uint64_t kSystemLast = 65535;

struct File {
  const char* name;
  Kind kind;
  std::size_t first;  // which field is the first id
  std::size_t count;  // which field is how many there are; 0: one
};
constexpr File kFiles[] = {
    {"passwd", Kind::user, 2, 0},
    {"group", Kind::group, 2, 0},
    {"subuid", Kind::subordinate, 1, 2},
    {"subgid", Kind::subordinate, 1, 2},
};

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == ':') {
      fields.emplace_back();
    } else {
      fields.back() += c;
    }
  }
  return fields;
}

std::optional<std::uint64_t> number(const std::vector<std::string>& fields, std::size_t at) {
  if (at >= fields.size()) return std::nullopt;
  const std::string& text = fields[at];
  std::uint32_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

void read_file(const std::string& etc, const File& file, std::vector<TakenIds>& taken) {
  std::ifstream in(etc + "/" + file.name);
  for (std::string line; std::getline(in, line);) {
    const std::vector<std::string> fields = fields_of(line);
    const auto first = number(fields, file.first);
    const auto count = file.count == 0 ? 1 : number(fields, file.count);
    if (first && count && *count > 0) {
      taken.push_back({file.kind, *first, *first + *count - 1, fields[0]});
    }
  }
}

std::vector<TakenIds> read_taken(const std::string& etc) {
  std::vector<TakenIds> taken = {{Kind::system, kSystemFirst, kSystemLast}};
  for (const File& file : kFiles) read_file(etc, file, taken);
  return taken;
}

std::optional<TakenIds> overlap(const std::vector<TakenIds>& taken, std::uint64_t first,
                                std::uint64_t last) {
  const auto it = std::ranges::find_if(
      taken, [&](const TakenIds& other) { return other.first <= last && first <= other.last; });
  return it == taken.end() ? std::nullopt : std::optional(*it);
}

Error cannot_lock(const std::string& path) {
  return fail(ErrorCode::sandbox, "cannot keep the lock of the user ids, " + path + ": " +
                                      std::strerror(errno) +
                                      "; /run must be a folder that root can write");
}

std::string file_in(const std::string& folder) { return folder + "/uids"; }

// Locks `length` bytes from `start`; false with errno EAGAIN or EACCES when somebody has one.
bool lock_bytes(int file, short type, std::uint64_t start, std::uint64_t length) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(start);
  range.l_len = static_cast<off_t>(length);
  return ::fcntl(file, F_OFD_SETLK, &range) == 0;
}

// Whether the open file still has its name: its last holder may have removed it meanwhile.
bool is_in_place(int file, const std::string& path) {
  struct stat open {};
  struct stat named {};
  return ::fstat(file, &open) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

// Nothing when the ids are ours now, else who has some of them.
Result<std::optional<TakenIds>> lock_ids(int file, std::uint64_t first, std::uint64_t last) {
  while (true) {
    if (lock_bytes(file, F_WRLCK, first, last - first + 1)) return std::optional<TakenIds>();
    if (errno != EAGAIN && errno != EACCES) return cannot_lock("uids");
    struct flock range {};
    range.l_type = F_WRLCK;
    range.l_whence = SEEK_SET;
    range.l_start = static_cast<off_t>(first);
    range.l_len = static_cast<off_t>(last - first + 1);
    if (::fcntl(file, F_OFD_GETLK, &range) != 0) return cannot_lock("uids");
    if (range.l_type == F_UNLCK) continue;  // released since
    const auto start = static_cast<std::uint64_t>(range.l_start);
    const auto length = static_cast<std::uint64_t>(range.l_len);
    return std::optional<TakenIds>({Kind::mecapy, start, start + length - 1});
  }
}

}  // namespace

Result<IdLock> IdLock::open(const std::string& folder) {
  const std::string path = file_in(folder);
  for (int attempt = 0; attempt < kOpenAttempts; ++attempt) {
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return cannot_lock(folder);
    base::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file && errno == ENOENT) continue;  // the folder has just been removed
    if (!file) return cannot_lock(path);
    if (lock_bytes(file.get(), F_RDLCK, 0, 1)) {
      if (is_in_place(file.get(), path)) return IdLock(folder, std::move(file));
    } else if (errno != EAGAIN && errno != EACCES) {
      return cannot_lock(path);
    }
    ::poll(nullptr, 0, 1);  // its last holder is removing it
  }
  errno = EBUSY;
  return cannot_lock(path);
}

IdLock::~IdLock() {
  if (!file_ || !lock_bytes(file_.get(), F_WRLCK, 0, 1)) return;
  ::unlink(file_in(folder_).c_str());
  ::rmdir(folder_.c_str());
}

std::string TakenIds::words() const {
  std::string text = std::to_string(first);
  text += first == last ? " is " : " to " + std::to_string(last) + " are ";
  switch (kind) {
    case Kind::user:
      return text + "the user " + name;
    case Kind::group:
      return text + "the group " + name;
    case Kind::subordinate:
      return text + (first == last ? "a subordinate id of " : "subordinate ids of ") + name;
    case Kind::system:
      return text + "systemd's own";
    case Kind::mecapy:
      return text + "in use by another mecapy";
  }
  return text;
}

std::uint32_t ids_needed(const Options& options) {
  return 1 + static_cast<std::uint32_t>(options.sandboxes());
}

Result<IdBlock> claim_ids(std::uint32_t wanted, std::uint32_t count, const IdPlaces& places) {
  if (wanted < kFirstId) {
    return fail(ErrorCode::sandbox, "user ids below 1000 are the system's own");
  }
  auto lock = IdLock::open(places.lock_folder);
  if (!lock) return lock.error();
  const std::vector<TakenIds> taken = read_taken(places.etc);
  std::optional<TakenIds> passed_over;
  for (std::uint64_t first = wanted; first + count - 1 <= kLastId;) {
    const std::uint64_t last = first + count - 1;
    std::optional<TakenIds> other = overlap(taken, first, last);
    if (!other) {
      auto locked = lock_ids(lock->get(), first, last);
      if (!locked) return locked.error();
      other = std::move(*locked);
    }
    if (!other) {
      return IdBlock{std::move(*lock), static_cast<std::uint32_t>(first),
                     static_cast<std::uint32_t>(last), std::move(passed_over)};
    }
    first = other->last + 1;
    if (!passed_over) passed_over = std::move(other);
  }
  return fail(ErrorCode::sandbox, "no " + std::to_string(count) +
                                      " user ids in a row are free from " + std::to_string(wanted) +
                                      " upwards" +
                                      (passed_over ? " (" + passed_over->words() + ")" : "") +
                                      "; set worker.uid_base lower");
}

std::optional<TakenIds> owner_of(std::uint32_t id, const IdPlaces& places) {
  std::vector<TakenIds> taken;
  for (const File& file : kFiles) read_file(places.etc, file, taken);
  return overlap(taken, id, id);
}

}  // namespace mecapy::sandbox
