#include "client/download.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/fd.h"
#include "base/id.h"
#include "base/sha256.h"
#include "model/run.h"
#include "wire/run_parts.h"

namespace mecapy::client {
namespace {

constexpr std::chrono::seconds kSilence{60};
constexpr int kTries = 5;

Error cannot(const std::string& what) {
  return fail(ErrorCode::storage, "cannot keep " + what + ": " + std::strerror(errno));
}

// The folder that the last part of `name` is in, made where it is missing.
Result<base::Fd> open_place(const std::string& folder, std::string_view name) {
  base::Fd place(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!place) return cannot(folder);
  for (std::size_t slash; (slash = name.find('/')) != std::string_view::npos;) {
    const std::string part(name.substr(0, slash));
    name.remove_prefix(slash + 1);
    if (::mkdirat(place.get(), part.c_str(), 0777) != 0 && errno != EEXIST) return cannot(part);
    base::Fd next(
        ::openat(place.get(), part.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!next) return cannot(part);
    place = std::move(next);
  }
  return place;
}

// The SHA-256 of the file `name` in `place`; "" when there is none, "-" when it is no file.
std::string hash_of(int place, const std::string& name) {
  const base::Fd file(
      ::openat(place, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return errno == ENOENT ? "" : "-";
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return "-";
  base::Sha256 hash;
  std::string chunk(256 * 1024, '\0');
  for (ssize_t n; (n = ::read(file.get(), chunk.data(), chunk.size())) != 0;) {
    if (n < 0) return "-";
    hash.add({chunk.data(), static_cast<std::size_t>(n)});
  }
  return hash.hex();
}

// A file beside its place, which goes when it was not put there.
class Part {
 public:
  Part(int place, std::string name) : place_(place), name_(std::move(name)) {
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    file_ = base::Fd(::openat(place_, part().c_str(), flags, 0666));
  }
  ~Part() {
    if (file_) ::unlinkat(place_, part().c_str(), 0);
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  bool is_open() const { return static_cast<bool>(file_); }
  bool begin_anew() {
    return ::ftruncate(file_.get(), 0) == 0 && ::lseek(file_.get(), 0, SEEK_SET) == 0;
  }
  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(file_.get(), bytes.data(), bytes.size());
      if (n < 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  bool put(Existing existing) {
    const std::string from = part();
    const unsigned flags = existing == Existing::replace ? 0 : RENAME_NOREPLACE;
    if (::renameat2(place_, from.c_str(), place_, name_.c_str(), flags) == 0) {
      file_.reset();
      return true;
    }
    // NFS knows no RENAME_NOREPLACE.
    return errno == EINVAL && ::linkat(place_, from.c_str(), place_, name_.c_str(), 0) == 0;
  }

 private:
  std::string part() const { return ".mecapy-" + suffix_ + ".part"; }

  int place_;
  std::string name_;
  std::string suffix_ = base::random_hex(8);
  base::Fd file_;
};

// The artifact's bytes into `part`. unavailable when they are broken off or others.
awaitable<Result<void>> fetch(Api& api, const std::string& run_id, const Artifact& artifact,
                              Part& part) {
  if (!part.begin_anew()) co_return cannot(artifact.name);
  Call call;
  call.path = run_path(run_id, "/artifacts/" + wire::url_path(artifact.name));
  call.expects = Expects::bytes;
  auto body = co_await api.open(std::move(call));
  if (!body) co_return body.error();
  base::Sha256 hash;
  std::int64_t size = 0;
  while (true) {
    const auto bytes = co_await (*body)->next(base::after(kSilence));
    if (!bytes)
      co_return fail(ErrorCode::unavailable, artifact.name + ": " + bytes.error().message);
    if (bytes->empty()) break;
    size += static_cast<std::int64_t>(bytes->size());
    if (size > artifact.size) break;
    hash.add(*bytes);
    if (!part.write(*bytes)) co_return cannot(artifact.name);
  }
  if (size != artifact.size || hash.hex() != artifact.sha256) {
    co_return fail(ErrorCode::unavailable,
                   artifact.name + ": what came is not what the run left (SHA-256); not kept");
  }
  co_return Result<void>{};
}

}  // namespace

awaitable<Result<Kept>> download(Api& api, std::string run_id, Artifact artifact,
                                 std::string folder, Existing existing) {
  if (!model::is_artifact_name(artifact.name)) {
    co_return fail(ErrorCode::usage,
                   "\"" + artifact.name + "\" is no name of a file below a folder");
  }
  const auto place = open_place(folder, artifact.name);
  if (!place) co_return place.error();
  const std::string last = artifact.name.substr(artifact.name.rfind('/') + 1);
  const std::string there = hash_of(place->get(), last);
  if (there == artifact.sha256) co_return Kept::was_there;
  if (!there.empty() && (there == "-" || existing == Existing::keep)) {
    co_return fail(ErrorCode::conflict, artifact.name + " is there already, and is another");
  }
  Part part(place->get(), last);
  if (!part.is_open()) co_return cannot(artifact.name);
  Result<void> fetched = fail(ErrorCode::internal, "not fetched");
  for (int i = 0; i < kTries && !fetched; ++i) {
    fetched = co_await fetch(api, run_id, artifact, part);
    if (!fetched && fetched.error().code != ErrorCode::unavailable) break;
  }
  if (!fetched) co_return fetched.error();
  if (!part.put(existing)) co_return cannot(artifact.name);
  co_return Kept::fetched;
}

Result<Kept> keep_bytes(const std::string& path, std::string_view bytes, Existing existing) {
  const std::size_t slash = path.rfind('/');
  const std::string last = slash == std::string::npos ? path : path.substr(slash + 1);
  if (last.empty() || last == "." || last == "..")
    return fail(ErrorCode::usage, "\"" + path + "\" is no name of a file");
  const auto place = open_place(slash == std::string::npos ? "." : path.substr(0, slash + 1), "");
  if (!place) return place.error();
  base::Sha256 hash;
  hash.add(bytes);
  const std::string there = hash_of(place->get(), last);
  if (there == hash.hex()) return Kept::was_there;
  if (!there.empty() && (there == "-" || existing == Existing::keep))
    return fail(ErrorCode::conflict, path + " is there already, and is another");
  Part part(place->get(), last);
  if (!part.is_open() || !part.write(bytes) || !part.put(existing)) return cannot(path);
  return Kept::fetched;
}

}  // namespace mecapy::client
