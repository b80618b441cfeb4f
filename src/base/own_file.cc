#include "base/own_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/fd.h"

namespace mecapy::base {
namespace {

bool may_be_of(uid_t owner, const std::string& path, Whose whose) {
  const uid_t me = ::geteuid();
  if (owner == me || owner == 0) return true;
  if (me != 0 || whose != Whose::mine_roots_or_folders) return false;
  const std::string folder = std::filesystem::path(path).parent_path().string();
  struct stat info {};
  return ::lstat(folder.empty() ? "." : folder.c_str(), &info) == 0 && info.st_uid == owner;
}

Result<void> check(const struct stat& info, const std::string& path, Whose whose) {
  if (!S_ISREG(info.st_mode)) return fail(ErrorCode::usage, path + " is no file");
  if (!may_be_of(info.st_uid, path, whose)) {
    return fail(ErrorCode::usage, path + " belongs to user " + std::to_string(info.st_uid) +
                                      ", neither you nor root");
  }
  const bool groups = (info.st_mode & S_IWGRP) != 0 && info.st_gid != info.st_uid;
  if (groups || (info.st_mode & S_IWOTH) != 0) {
    return fail(ErrorCode::usage, "others may write to " + path + ": chmod go-w it");
  }
  return {};
}

}  // namespace

Result<std::string> read_own_file(const std::string& path, std::size_t most, Whose whose) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file && (errno == ENOENT || errno == ENOTDIR)) {
    return fail(ErrorCode::not_found, path + " is not there");
  }
  if (!file && errno == ELOOP) return fail(ErrorCode::usage, path + " is a link");
  const auto unreadable = [&path] {
    return fail(ErrorCode::storage, path + " cannot be read: " + std::strerror(errno));
  };
  if (!file) return unreadable();
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return unreadable();
  if (auto fine = check(info, path, whose); !fine) return fine.error();
  std::string text;
  char piece[16 * 1024];
  while (const ssize_t n = ::read(file.get(), piece, sizeof piece)) {
    if (n < 0) return unreadable();
    text.append(piece, static_cast<std::size_t>(n));
    if (text.size() > most) return fail(ErrorCode::usage, path + " is too large");
  }
  return text;
}

}  // namespace mecapy::base
