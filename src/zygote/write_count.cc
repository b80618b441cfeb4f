#include "zygote/write_count.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

namespace mecapy::zygote {
namespace {

std::int64_t written(int file) {
  std::array<char, 512> bytes{};
  const ssize_t got = ::pread(file, bytes.data(), bytes.size(), 0);
  if (got <= 0) return -1;
  constexpr std::string_view kKey = "wchar: ";
  const std::string_view text(bytes.data(), static_cast<std::size_t>(got));
  const std::size_t at = text.find(kKey);
  if (at == std::string_view::npos) return -1;
  std::int64_t value = -1;
  std::from_chars(text.data() + at + kKey.size(), text.data() + text.size(), value);
  return value;
}

}  // namespace

// A process that is not dumpable may not open its own.
WriteCount::WriteCount() {
  ::prctl(PR_SET_DUMPABLE, 1);
  file_ = base::Fd(::open("/proc/self/io", O_RDONLY | O_CLOEXEC));
  ::prctl(PR_SET_DUMPABLE, 0);
  before_ = file_ ? written(file_.get()) : -1;
}

std::int64_t WriteCount::bytes() const {
  const std::int64_t now = before_ >= 0 ? written(file_.get()) : -1;
  return now >= 0 ? now - before_ : -1;
}

}  // namespace mecapy::zygote
