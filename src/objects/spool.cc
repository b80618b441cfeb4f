#include "objects/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace mecapy::objects {
namespace {

constexpr std::size_t kInMemory = 256 * 1024;

Error system_failure(const std::string& what) {
  return fail(ErrorCode::storage,
              what + ": " + std::error_code(errno, std::generic_category()).message());
}

Result<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_failure("cannot write to the temporary file");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

Spool::Spool(std::string folder) : folder_(std::move(folder)) {}

Result<void> Spool::to_file() {
  file_ = base::Fd(::open(folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file_) return system_failure("cannot make a temporary file in " + folder_);
  return write_all(file_.get(), std::exchange(memory_, {}));
}

Result<void> Spool::append(std::string_view bytes) {
  hash_.add(bytes);
  size_ += static_cast<std::int64_t>(bytes.size());
  if (!file_ && memory_.size() + bytes.size() <= kInMemory) {
    memory_ += bytes;
    return {};
  }
  if (!file_) {
    if (auto made = to_file(); !made) return made;
  }
  return write_all(file_.get(), bytes);
}

S3Body Spool::body() const {
  S3Body body;
  body.sha256 = hash_.hex();
  if (file_) {
    body.bytes = net::FilePart{file_.get(), 0, size_};
  } else {
    body.bytes = memory_;
  }
  return body;
}

Result<void> Spool::clear() {
  hash_.reset();
  memory_.clear();
  size_ = 0;
  if (file_ && (::ftruncate(file_.get(), 0) != 0 || ::lseek(file_.get(), 0, SEEK_SET) != 0)) {
    return system_failure("cannot empty the temporary file");
  }
  return {};
}

}  // namespace mecapy::objects
