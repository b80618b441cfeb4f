#include "store/sqlite_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "base/log.h"

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

SqliteLog::SqliteLog(base::Fd file) : file_(std::move(file)), thread_([this] { loop(); }) {}

SqliteLog::~SqliteLog() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  arrived_.notify_one();
  thread_.join();
}

void SqliteLog::begin_commit() {
  const std::lock_guard lock(mutex_);
  ++begun_;
}

void SqliteLog::end_commit(Requests written) {
  {
    const std::lock_guard lock(mutex_);
    ended_ = begun_;
    std::ranges::move(written, std::back_inserter(written_));
  }
  arrived_.notify_one();
}

void SqliteLog::answer(std::unique_ptr<Request> request) {
  {
    const std::lock_guard lock(mutex_);
    if (synced_ < begun_) {
      readers_.push_back({begun_, std::move(request)});
      return;
    }
  }
  request->answer();
}

void SqliteLog::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    arrived_.wait(lock, [this] { return ending_ || synced_ < ended_; });
    if (synced_ == ended_) return;
    const std::uint64_t commit = ended_;
    Requests done = std::exchange(written_, {});
    lock.unlock();
    sync();
    lock.lock();
    synced_ = commit;
    for (Reader& reader : readers_) {
      if (reader.commit <= commit) done.push_back(std::move(reader.request));
    }
    std::erase_if(readers_, [](const Reader& reader) { return !reader.request; });
    lock.unlock();
    for (const auto& request : done) request->answer();
    lock.lock();
  }
}

void SqliteLog::sync() const {
  while (::fdatasync(file_.get()) != 0) {
    if (errno == EINTR) continue;
    const Error error = failure("the database's log did not reach the disk", last_error());
    base::log_error("what was written may be lost: the server ends", {{"error", error.message}});
    std::abort();
  }
}

}  // namespace mecapy::store
