#include "store/sqlite_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace mecapy::store {
namespace {

constexpr int kOwnerOnly = 0600;

Error system_failure(const std::string& what, int error) {
  return fail(ErrorCode::storage,
              what + ": " + std::error_code(error, std::generic_category()).message());
}

}  // namespace

Result<base::Fd> lock_sqlite(const std::string& path) {
  base::Fd fd(
      ::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly));
  if (!fd) return system_failure("cannot make the database's lock file", errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno == EWOULDBLOCK) {
    return fail(ErrorCode::conflict, "the database is in use by another mecapy serve");
  }
  return system_failure("cannot lock the database", errno);
}

Result<void> make_sqlite_file(const std::string& path) {
  const base::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwnerOnly));
  if (!file) return system_failure("cannot open the database file", errno);
  std::string folder = std::filesystem::path(path).parent_path().string();
  if (folder.empty()) folder = ".";
  const base::Fd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) {
    return system_failure("cannot make the database file durable", errno);
  }
  return {};
}

}  // namespace mecapy::store
