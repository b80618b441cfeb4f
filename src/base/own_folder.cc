#include "base/own_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <list>

namespace mecapy::base {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as Linux follows (path_resolution(7))

Error wrong(const fs::path& path, const std::string& what) {
  return fail(ErrorCode::usage, path.string() + " " + what);
}

std::string owner_of(const struct stat& info) {
  return "belongs to user " + std::to_string(info.st_uid);
}

Result<struct stat> look_at(const fs::path& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0) return info;
  if (errno == ENOENT || errno == ENOTDIR) {
    return fail(ErrorCode::not_found, path.string() + " is not there");
  }
  return fail(ErrorCode::storage, path.string() + ": " + std::strerror(errno));
}

// One on the way: who may write into a folder may put another one in the place of what is in it.
Result<void> check_step(const fs::path& path, const struct stat& info) {
  if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
    return wrong(path, owner_of(info) + ", neither you nor root");
  }
  if (!S_ISDIR(info.st_mode) || (info.st_mode & S_ISVTX) != 0) return {};
  const bool groups = (info.st_mode & S_IWGRP) != 0 && info.st_gid != info.st_uid;
  if (!groups && (info.st_mode & S_IWOTH) == 0) return {};
  return wrong(path, "may be written by others, who can exchange what is in it: chmod go-w it");
}

Result<void> check_way(const fs::path& folder) {
  std::list<fs::path> left(folder.begin(), folder.end());
  fs::path at = "/";
  for (int links = 0; !left.empty(); left.pop_front()) {
    const fs::path next = (at / left.front()).lexically_normal();
    const auto info = look_at(next);
    if (!info) return info.error();
    if (auto fine = check_step(next, *info); !fine) return fine;
    if (!S_ISLNK(info->st_mode)) {
      at = next;
      continue;
    }
    std::error_code ec;
    const fs::path target = fs::read_symlink(next, ec);
    if (ec) return fail(ErrorCode::storage, next.string() + ": " + ec.message());
    if (++links > kMostLinks) return wrong(next, "leads in a circle");
    left.insert(std::next(left.begin()), target.begin(), target.end());
  }
  return {};
}

}  // namespace

Result<void> check_own_folder(const std::string& path) {
  fs::path folder(path);
  if (!folder.has_filename()) folder = folder.parent_path();  // "x/" would be followed
  const auto info = look_at(folder);
  if (!info) return info.error();
  if (S_ISLNK(info->st_mode)) return wrong(folder, "is a link: name the folder itself");
  if (!S_ISDIR(info->st_mode)) return wrong(folder, "is no folder");
  if (info->st_uid != ::geteuid()) {
    return wrong(folder, owner_of(*info) + ", and you are user " + std::to_string(::geteuid()));
  }
  if ((info->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return wrong(folder, "may be written by others: chmod 700 it");
  }
  return check_way(folder.parent_path());
}

}  // namespace mecapy::base
