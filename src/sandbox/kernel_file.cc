#include "sandbox/kernel_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>

#include "base/fd.h"

namespace mecapy::sandbox {
namespace {

std::optional<std::int64_t> to_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> number_after(std::string_view key, std::string_view rest) {
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ' ') {
      return to_number(line.substr(key.size() + 1));
    }
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> read_text(int folder, const char* name) {
  const base::Fd file(::openat(folder, name, O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string text;
  char bytes[4096];
  while (true) {
    const ssize_t got = ::read(file.get(), bytes, sizeof bytes);
    if (got < 0) return std::nullopt;
    if (got == 0) return text;
    text.append(bytes, static_cast<std::size_t>(got));
  }
}

std::optional<std::int64_t> read_number(int folder, const char* name) {
  const auto text = read_text(folder, name);
  return text ? to_number(*text) : std::nullopt;
}

bool write_text(int folder, const char* name, std::string_view text) {
  const base::Fd file(::openat(folder, name, O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

KernelFile::KernelFile(int folder, const char* name, int access)
    : file_(::openat(folder, name, access | O_CLOEXEC)) {}

std::optional<std::string> KernelFile::text() const {
  char bytes[4096];
  const ssize_t got = ::pread(file_.get(), bytes, sizeof bytes, 0);
  if (got < 0) return std::nullopt;
  return std::string(bytes, static_cast<std::size_t>(got));
}

std::optional<std::int64_t> KernelFile::number() const {
  const auto whole = text();
  return whole ? to_number(*whole) : std::nullopt;
}

std::optional<std::int64_t> KernelFile::keyed(std::string_view key) const {
  const auto whole = text();
  return whole ? number_after(key, *whole) : std::nullopt;
}

bool KernelFile::write(std::string_view text) const {
  return ::pwrite(file_.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
}

}  // namespace mecapy::sandbox
