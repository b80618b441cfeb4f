#include "store/sqlite_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

namespace mecapy::store {
namespace {

namespace fs = std::filesystem;

Error failure(const std::string& what, const std::error_code& why) {
  return fail(ErrorCode::storage, what + ": " + why.message());
}

std::error_code last_error() { return {errno, std::generic_category()}; }

}  // namespace

// SQLite follows links to the database, and has its log beside the file itself.
Result<std::unique_ptr<SqliteLog>> SqliteLog::open(const std::string& database) {
  std::error_code ec;
  const fs::path file = fs::canonical(database, ec);
  if (ec) return failure("the database cannot be found", ec);
  base::Fd log(::open((file.string() + "-wal").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!log) return failure("the database's log cannot be opened", last_error());
  const base::Fd folder(::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) {
    return failure("the folder of the database did not reach the disk", last_error());
  }
  return std::unique_ptr<SqliteLog>(new SqliteLog(std::move(log)));
}

void SqliteLog::begin_commit() {
  const std::lock_guard lock(mutex_);
  unsynced_ = true;
}

Result<void> SqliteLog::sync() {
  while (::fdatasync(file_.get()) != 0) {
    if (errno != EINTR) return failure("the database's log did not reach the disk", last_error());
  }
  return {};
}

void SqliteLog::end_commit() {
  std::vector<std::unique_ptr<Request>> waited;
  {
    const std::lock_guard lock(mutex_);
    unsynced_ = false;
    waited.swap(waiting_);
  }
  for (const auto& request : waited) request->answer();
}

void SqliteLog::answer(std::unique_ptr<Request> request) {
  {
    const std::lock_guard lock(mutex_);
    if (unsynced_) {
      waiting_.push_back(std::move(request));
      return;
    }
  }
  request->answer();
}

}  // namespace mecapy::store
