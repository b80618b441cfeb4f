#include "api/site.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "base/file_name.h"

namespace mecapy::api {
namespace {

struct MediaType {
  std::string_view ending;
  std::string_view type;
};

constexpr MediaType kMediaTypes[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".xml", "application/xml"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".txt", "text/plain; charset=utf-8"},
};

std::string_view media_of(std::string_view name) {
  const auto row =
      std::ranges::find_if(kMediaTypes, [&](const auto& m) { return name.ends_with(m.ending); });
  return row == std::end(kMediaTypes) ? "application/octet-stream" : row->type;
}

// The theme writes a hash into the names of its own files: bundle.0a1b2c3d.min.js.
bool has_hash(std::string_view name) {
  constexpr std::size_t kDigits = 8;
  for (std::size_t dot = name.find('.'); dot != std::string_view::npos;
       dot = name.find('.', dot + 1)) {
    const std::string_view word = name.substr(dot + 1, name.find('.', dot + 1) - dot - 1);
    if (word.size() == kDigits &&
        std::ranges::all_of(word, [](unsigned char c) { return std::isxdigit(c) != 0; })) {
      return true;
    }
  }
  return false;
}

// The parts of a name between slashes.
std::vector<std::string> parts_of(std::string_view name) {
  std::vector<std::string> parts;
  for (std::size_t at = 0;;) {
    const std::size_t slash = name.find('/', at);
    parts.emplace_back(name.substr(at, slash - at));
    if (slash == std::string_view::npos) return parts;
    at = slash + 1;
  }
}

Error nothing_there() {
  return fail(ErrorCode::not_found, "there is no such page of the documents");
}

}  // namespace

base::Fd Site::open_folder(const std::string& path) {
  base::Fd folder(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::faccessat(folder.get(), "index.html", R_OK, 0) != 0) return {};
  return folder;
}

Result<SiteFile> Site::open(std::string_view name) const {
  const std::vector<std::string> parts = parts_of(name);
  constexpr std::size_t kDeepest = 16;
  if (!there() || parts.size() > kDeepest || !std::ranges::all_of(parts, base::is_file_name)) {
    return nothing_there();
  }
  base::Fd folder;
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    const int from = folder ? folder.get() : folder_.get();
    base::Fd inner(::openat(from, parts[i].c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!inner) return nothing_there();
    folder = std::move(inner);
  }
  // Opening a fifo must not wait for its other end.
  SiteFile file{base::Fd(::openat(folder ? folder.get() : folder_.get(), parts.back().c_str(),
                                  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)),
                0,
                {},
                media_of(name),
                has_hash(parts.back()) ? "public, max-age=31536000, immutable" : "no-cache"};
  struct stat info {};
  if (!file.fd || ::fstat(file.fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return nothing_there();
  }
  file.size = info.st_size;
  char etag[64];
  std::snprintf(etag, sizeof etag, "\"%llx.%lx-%llx\"",
                static_cast<unsigned long long>(info.st_mtim.tv_sec), info.st_mtim.tv_nsec,
                static_cast<unsigned long long>(info.st_size));
  file.etag = etag;
  return file;
}

Result<std::string> read_site_file(const SiteFile& file, std::int64_t offset, std::int64_t length) {
  std::string bytes(static_cast<std::size_t>(length), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t n = ::pread(file.fd.get(), bytes.data() + have, bytes.size() - have,
                              offset + static_cast<std::int64_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(ErrorCode::storage, std::string("read: ") + std::strerror(errno));
    if (n == 0) return fail(ErrorCode::storage, "a page of the documents is shorter than it was");
    have += static_cast<std::size_t>(n);
  }
  return bytes;
}

bool names_etag(std::string_view if_none_match, std::string_view etag) {
  while (!if_none_match.empty()) {
    const std::size_t comma = if_none_match.find(',');
    std::string_view one = if_none_match.substr(0, comma);
    if_none_match = comma == std::string_view::npos ? "" : if_none_match.substr(comma + 1);
    while (one.starts_with(' ') || one.starts_with('\t')) one.remove_prefix(1);
    while (one.ends_with(' ') || one.ends_with('\t')) one.remove_suffix(1);
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == "*" || one == etag) return true;
  }
  return false;
}

}  // namespace mecapy::api
