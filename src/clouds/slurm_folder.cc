#include "clouds/slurm_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include "base/fd.h"
#include "base/id.h"
#include "base/own_folder.h"
#include "base/utf8.h"

namespace mecapy::clouds {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShown = 300;   // bytes of what a worker said
constexpr std::size_t kTail = 4'096;  // bytes in which its last line is looked for

Error broken(const std::string& path, int error) {
  return fail(ErrorCode::storage, path + ": " + std::strerror(error));
}

Result<void> write_own(const std::string& path, std::string_view text) {
  const base::Fd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return broken(path, errno);
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return broken(path, errno);
  }
  return {};
}

// The last `most` bytes of a regular file; "" when there is none.
std::string tail_of(const std::string& path, std::size_t most) {
  const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  std::string text(std::min(most, static_cast<std::size_t>(info.st_size)), '\0');
  const auto from = info.st_size - static_cast<off_t>(text.size());
  const ssize_t n = ::pread(file.get(), text.data(), text.size(), from);
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

}  // namespace

// It outlives the SIGTERM that Slurm sends to all of a job before it kills it, so that what became
// of the worker is written down.
const std::string_view kSlurmScript = R"(#!/bin/sh
# MecaPy: the worker of one run, which calls home and ends with it.
trap : TERM
umask 077
folder=$1 worker=$2 home=$3 gpus=$4 config=$5
export MECAPY_WORKER_PROFILE=container MECAPY_WORKER_CONCURRENCY=1 MECAPY_WORKER_ZYGOTES_MB=256
[ "$gpus" = 0 ] || export MECAPY_WORKER_GPUS="$gpus"
if data=$(mktemp -d "${TMPDIR:-/tmp}/mecapy-XXXXXXXX"); then
  cd "$data" || exit
  "$worker" worker --home "$home" --token-file "$folder/token" --data-dir "$data/data" --quiet-stop \
    ${config:+--config "$config"} </dev/null
  status=$?
  cd / && rm -rf "$data"
else
  status=73
fi
echo "$status" >"$folder/exit.part" && mv "$folder/exit.part" "$folder/exit"
exit "$status"
)";

Result<void> SlurmFolder::make(const std::string& machine, const std::string& token) const {
  if (!base::is_uuid(machine)) return fail(ErrorCode::storage, "no machine's name: " + machine);
  if (::mkdir(root_.c_str(), 0700) != 0 && errno != EEXIST) return broken(root_, errno);
  if (auto own = base::check_own_folder(root_); !own) return own;
  const std::string folder = of(machine);
  if (::mkdir(folder.c_str(), 0700) != 0) return broken(folder, errno);
  if (auto done = write_own(script(machine), kSlurmScript); !done) return done;
  return write_own(folder + "/token", token);
}

Result<void> SlurmFolder::remove(const std::string& machine) const {
  if (!base::is_uuid(machine)) return {};
  if (auto own = base::check_own_folder(root_); !own) {
    if (own.error().code == ErrorCode::not_found) return {};
    return own;
  }
  std::error_code ec;
  fs::remove_all(of(machine), ec);
  if (ec) return broken(of(machine), ec.value());
  return {};
}

bool SlurmFolder::has(const std::string& machine) const {
  return ::access(of(machine).c_str(), F_OK) == 0;
}

Result<std::vector<std::string>> SlurmFolder::all() const {
  std::vector<std::string> machines;
  std::error_code ec;
  for (fs::directory_iterator it(root_, ec), end; !ec && it != end; it.increment(ec)) {
    std::string name = it->path().filename().string();
    if (base::is_uuid(name)) machines.push_back(std::move(name));
  }
  if (ec && ec != std::errc::no_such_file_or_directory) return broken(root_, ec.value());
  return machines;
}

std::optional<int> SlurmFolder::exit_status(const std::string& machine) const {
  const std::string text = tail_of(of(machine) + "/exit", 16);
  int status = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), status);
  if (read.ec != std::errc{}) return std::nullopt;
  return status;
}

std::string SlurmFolder::last_said(const std::string& machine) const {
  std::string text = tail_of(output(machine), kTail);
  while (text.ends_with('\n')) text.pop_back();
  const auto line = text.find_last_of('\n');
  return base::one_line(line == std::string::npos ? text : text.substr(line + 1), kShown);
}

}  // namespace mecapy::clouds
