#include "objects/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <utility>

#include "base/id.h"
#include "objects/key.h"

namespace mecapy::objects {
namespace {

constexpr char kTempFolder[] = ".tmp";
constexpr std::time_t kStaleSeconds = 3600;
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0600;

Error storage_failure(int error) {
  return fail(ErrorCode::storage, "the object folder failed: " +
                                      std::error_code(error, std::generic_category()).message());
}

Error not_found() { return fail(ErrorCode::not_found, "no such object"); }
Error conflict() { return fail(ErrorCode::conflict, "this object exists already"); }

// No such entry, or an object (or a link) where the key has a folder.
bool means_absent(int error) { return error == ENOENT || error == ENOTDIR || error == ELOOP; }

base::Fd open_at(const base::Fd& folder, const std::string& name, int flags) {
  return base::Fd(::openat(folder.get(), name.c_str(), flags));
}

// The folder that holds the last part; an empty Fd (see errno) when one of them is not there.
base::Fd open_parent(const base::Fd& root, const std::vector<std::string_view>& parts) {
  base::Fd at = open_at(root, ".", kFolderFlags);
  for (std::size_t i = 0; at && i + 1 < parts.size(); ++i) {
    at = open_at(at, std::string(parts[i]), kFolderFlags);
  }
  return at;
}

// Makes the folder `path` and those above it, as far as they are missing.
Result<void> make_folders(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), kFolderMode) == 0 || errno == EEXIST) return {};
  if (errno != ENOENT || !path.has_relative_path()) return storage_failure(errno);
  if (auto made = make_folders(path.parent_path()); !made) return made;
  if (::mkdir(path.c_str(), kFolderMode) == 0 || errno == EEXIST) return {};
  return storage_failure(errno);
}

std::filesystem::path without_trailing_slash(const std::filesystem::path& path) {
  return path.has_filename() ? path : path.parent_path();
}

}  // namespace

Result<std::unique_ptr<Folder>> Folder::open(const std::string& path) {
  const auto absolute = without_trailing_slash(std::filesystem::absolute(path));
  if (auto made = make_folders(absolute); !made) return made.error();
  base::Fd root(::open(absolute.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return storage_failure(errno);
  if (::mkdirat(root.get(), kTempFolder, kFolderMode) != 0 && errno != EEXIST) {
    return storage_failure(errno);
  }
  base::Fd temps = open_at(root, kTempFolder, kFolderFlags);
  if (!temps || ::fsync(root.get()) != 0) return storage_failure(errno);
  std::unique_ptr<Folder> folder(new Folder(std::move(root), std::move(temps)));
  folder->remove_stale_temps();
  return folder;
}

// Those of an earlier process that was killed. Best effort: what stays costs only room.
void Folder::remove_stale_temps() const {
  base::Fd list = open_at(*temps_, ".", kFolderFlags);
  DIR* dir = list ? ::fdopendir(list.get()) : nullptr;
  if (dir == nullptr) return;
  list.release();  // closedir closes it
  const std::time_t now = std::time(nullptr);
  while (const dirent* entry = ::readdir(dir)) {
    struct stat info {};
    if (::fstatat(temps_->get(), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISDIR(info.st_mode) || now - info.st_mtime < kStaleSeconds) continue;
    ::unlinkat(temps_->get(), entry->d_name, 0);
  }
  ::closedir(dir);
}

Result<std::shared_ptr<TempFile>> Folder::make_temp() const {
  std::string name = base::random_hex(16);
  base::Fd fd(::openat(temps_->get(), name.c_str(),
                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  if (!fd) return storage_failure(errno);
  return std::make_shared<TempFile>(temps_, std::move(name), std::move(fd));
}

Result<void> Folder::link(TempFile& file, std::string_view key) {
  const auto parts = parse_key(key);
  if (!parts) return parts.error();
  const auto parent = make_parent(*parts);
  if (!parent) return parent.error();
  const std::string last(parts->back());
  if (::linkat(temps_->get(), file.name().c_str(), parent->get(), last.c_str(), 0) != 0) {
    return errno == EEXIST ? conflict() : storage_failure(errno);
  }
  file.end();
  if (::fsync(parent->get()) != 0) return storage_failure(errno);
  return {};
}

Result<base::Fd> Folder::make_parent(const std::vector<std::string_view>& parts) {
  {
    const std::shared_lock lock(making_folders_);
    if (base::Fd parent = open_parent(root_, parts)) return parent;
  }
  const std::unique_lock lock(making_folders_);
  return make_parent_slowly(parts);
}

Result<base::Fd> Folder::make_parent_slowly(const std::vector<std::string_view>& parts) {
  base::Fd at = open_at(root_, ".", kFolderFlags);
  for (std::size_t i = 0; at && i + 1 < parts.size(); ++i) {
    const std::string part(parts[i]);
    if (::mkdirat(at.get(), part.c_str(), kFolderMode) == 0) {
      if (::fsync(at.get()) != 0) return storage_failure(errno);
    } else if (errno != EEXIST) {
      return storage_failure(errno);
    }
    at = open_at(at, part, kFolderFlags);
    // EEXIST, and yet not a folder: an object has the name of a part of this key.
    if (!at && (errno == ENOTDIR || errno == ELOOP)) return conflict();
  }
  if (!at) return storage_failure(errno);
  return at;
}

Result<base::Fd> Folder::open_object(std::string_view key) const {
  const auto parts = parse_key(key);
  if (!parts) return parts.error();
  const base::Fd parent = open_parent(root_, *parts);
  if (!parent) return means_absent(errno) ? not_found() : storage_failure(errno);
  // O_NONBLOCK: what somebody else put there, such as a pipe, must not hold us.
  base::Fd object =
      open_at(parent, std::string(parts->back()), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (!object) return means_absent(errno) ? not_found() : storage_failure(errno);
  struct stat info {};
  if (::fstat(object.get(), &info) != 0) return storage_failure(errno);
  if (!S_ISREG(info.st_mode)) return not_found();
  return object;
}

Result<base::Fd> Folder::open_folder(std::string_view key) const {
  const auto parts = parse_key(key);
  if (!parts) return parts.error();
  const base::Fd parent = open_parent(root_, *parts);
  if (!parent) return means_absent(errno) ? Result<base::Fd>(base::Fd()) : storage_failure(errno);
  base::Fd folder = open_at(parent, std::string(parts->back()), kFolderFlags);
  if (!folder && !means_absent(errno)) return storage_failure(errno);
  return folder;
}

Result<void> Folder::remove(std::string_view key) const {
  const auto parts = parse_key(key);
  if (!parts) return parts.error();
  const base::Fd parent = open_parent(root_, *parts);
  if (parent && ::unlinkat(parent.get(), std::string(parts->back()).c_str(), 0) == 0) return {};
  // EISDIR: a folder of other keys is not an object.
  if (means_absent(errno) || errno == EISDIR) return {};
  return storage_failure(errno);
}

TempFile::~TempFile() { ::unlinkat(temps_->get(), name_.c_str(), 0); }

Result<void> TempFile::append(std::string_view bytes) {
  if (!fd_) return conflict();
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      broken_ = true;
      return storage_failure(errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> TempFile::sync() {
  if (!fd_) return conflict();
  if (broken_) return fail(ErrorCode::storage, "the object folder failed: an append was lost");
  if (::fsync(fd_.get()) != 0) {
    broken_ = true;  // the kernel forgets what it could not write: a second fsync would lie
    return storage_failure(errno);
  }
  return {};
}

Result<std::int64_t> object_size(const base::Fd& object) {
  struct stat info {};
  if (::fstat(object.get(), &info) != 0) return storage_failure(errno);
  return static_cast<std::int64_t>(info.st_size);
}

Result<std::string> read_object(const base::Fd& object, std::int64_t offset, std::int64_t length) {
  const auto size = object_size(object);
  if (!size) return size.error();
  const std::int64_t there = std::max<std::int64_t>(*size - offset, 0);
  std::string bytes(static_cast<std::size_t>(std::min(length, there)), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = ::pread(object.get(), bytes.data() + done, bytes.size() - done,
                                offset + static_cast<std::int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return storage_failure(errno);
    if (got == 0) return fail(ErrorCode::storage, "the object folder failed: a file was cut short");
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace mecapy::objects
