#include "store/sqlite_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace mecapy::store {
namespace {

Error failure(const std::string& what) {
  return fail(ErrorCode::storage, what + ": " + std::generic_category().message(errno));
}

}  // namespace

Result<void> SqliteLog::open() {
  base::Fd file(::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file) return failure("the database's log cannot be opened");
  const std::string parent = std::filesystem::path(path_).parent_path();
  const base::Fd folder(
      ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) {
    return failure("the folder of the database's log did not reach the disk");
  }
  file_ = std::move(file);
  return {};
}

Result<void> SqliteLog::sync() {
  if (!file_) {
    if (auto opened = open(); !opened) return opened;
  }
  if (::fdatasync(file_.get()) != 0) return failure("the database's log did not reach the disk");
  return {};
}

}  // namespace mecapy::store
