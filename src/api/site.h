// The site of the documents: the files of one folder, for anyone. Names come from strangers: each
// part of one is opened by itself, from the folder's descriptor, without following a symbolic link,
// so that none leads out of the folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace mecapy::api {

// An open file of the site.
struct SiteFile {
  base::Fd fd{};
  std::int64_t size = 0;   // bytes
  std::string etag{};      // quoted, of its time and size
  std::string_view media;  // media type, by the name's ending
  std::string_view keep;   // Cache-Control: for good when the name changes with the content
};

// Thread-safe. Every function blocks.
class Site {
 public:
  Site() = default;  // none: nothing is found
  explicit Site(base::Fd folder) : folder_(std::move(folder)) {}

  // The folder `path`, which later needs no right to reach it; no Fd when it holds no index.html.
  static base::Fd open_folder(const std::string& path);

  bool there() const { return static_cast<bool>(folder_); }
  // not_found for what is no regular file below the folder.
  Result<SiteFile> open(std::string_view name) const;

 private:
  base::Fd folder_;
};

// At most `length` bytes from `offset`; storage when the file has become shorter.
Result<std::string> read_site_file(const SiteFile& file, std::int64_t offset, std::int64_t length);

// Whether one of the entity tags in an If-None-Match is `etag` (RFC 9110, 13.1.2).
bool names_etag(std::string_view if_none_match, std::string_view etag);

}  // namespace mecapy::api
