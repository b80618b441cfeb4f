// Objects: immutable blobs by key, for what is too large to travel inline.
//
// Keys are names of files (base/file_name.h) with '/' between them; anything else is
// invalid_request. An object is there as a whole or not at all: it appears on
// commit, and commit makes it survive a power cut. Writing a key that exists is conflict: objects
// are never changed. Failures of the medium are ErrorCode::storage. Keys have at most 512 bytes,
// each part of them at most 255. A deadline that passes before the work began is deadline_exceeded.
//
// Thread-safe. Nothing blocks the calling executor.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mecapy::objects {

using boost::asio::awaitable;

// One object being written; between two calls any time may pass. Destroying it before commit leaves
// nothing behind. It must not be used after its store, but may be destroyed later: then parts that
// went to S3 already stay there. For one caller at a time. Appending or committing after a commit
// is conflict.
class Writer {
 public:
  virtual ~Writer() = default;
  virtual awaitable<Result<void>> append(std::string bytes, base::Deadline deadline) = 0;
  virtual awaitable<Result<void>> commit(base::Deadline deadline) = 0;
};

struct ObjectInfo {
  std::int64_t size = 0;  // bytes
  std::string sha256{};   // hexadecimal, as it was written; "" where the store does not keep it
};

struct Listed {
  std::string key;
  base::TimePoint written{};  // when its last byte was, by the store's own clock
};

// The objects below a folder of keys, in no order. One that is there all the while comes exactly
// once; one that comes or goes meanwhile may come or not. For one caller at a time.
class Listing {
 public:
  virtual ~Listing() = default;
  // At most `limit` further objects (of a store with many other things, maybe none); nothing at the
  // end.
  virtual awaitable<Result<std::optional<std::vector<Listed>>>> next(int limit,
                                                                     base::Deadline deadline) = 0;
};

// One call that may be made without a key of the store.
struct Grant {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers{};  // which it must have, as they are
};

struct Traffic {
  std::uint64_t requests = 0;  // tries, each counted
  std::uint64_t retries = 0;   // of them those that were not the first
};

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  virtual awaitable<Result<std::unique_ptr<Writer>>> create(std::string key,
                                                            base::Deadline deadline) = 0;
  // create + append + commit.
  virtual awaitable<Result<void>> put(std::string key, std::string bytes,
                                      base::Deadline deadline) = 0;
  // not_found when there is none.
  virtual awaitable<Result<ObjectInfo>> stat(std::string key, base::Deadline deadline) = 0;
  // At most `length` bytes from `offset`; fewer only at the end of the object.
  virtual awaitable<Result<std::string>> read(std::string key, std::int64_t offset,
                                              std::int64_t length, base::Deadline deadline) = 0;
  // The whole object, or too_large when it is longer than `max` bytes.
  virtual awaitable<Result<std::string>> get(std::string key, std::int64_t max,
                                             base::Deadline deadline) = 0;
  // Success when there was none.
  virtual awaitable<Result<void>> remove(std::string key, base::Deadline deadline) = 0;
  // All objects whose keys begin with `folder` and '/'. The listing must not be used after the
  // store, but may be destroyed later.
  virtual std::unique_ptr<Listing> list(std::string folder) = 0;
  // A link anyone may read the object by, for `life` and without asking us, under the given name
  // and type; nothing when only this process can read it.
  virtual std::optional<std::string> link(const std::string& key, const std::string& file_name,
                                          const std::string& content_type,
                                          std::chrono::seconds life) const {
    (void)key, (void)file_name, (void)content_type, (void)life;
    return std::nullopt;
  }
  // The PUT by which anyone may write this very object: of this size (at most 5 GiB) and SHA-256,
  // not over one that is there. It must begin within `life`. Nothing when only this process can.
  virtual std::optional<Grant> grant_put(const std::string& key, const ObjectInfo& object,
                                         std::chrono::seconds life) const {
    (void)key, (void)object, (void)life;
    return std::nullopt;
  }
  // The GET of the object as it is, the same way.
  virtual std::optional<Grant> grant_get(const std::string& key, std::chrono::seconds life) const {
    (void)key, (void)life;
    return std::nullopt;
  }
  // What went over the network until now; nothing when nothing does.
  virtual std::optional<Traffic> traffic() const { return std::nullopt; }
  // Writes, reads and removes a small object of its own: for readiness.
  virtual awaitable<Result<void>> ping(base::Deadline deadline) = 0;
};

// Objects as files below `folder`, which is made (0700) when missing. Written to a temporary name
// in the folder, fsynced, linked to the final name without replacing, and the directory fsynced.
// Leftover temporary files of an earlier process older than an hour are removed at the start.
Result<std::unique_ptr<ObjectStore>> open_folder(const std::string& folder);

struct S3Options {
  std::string
      url;  // s3://BUCKET/PREFIX?endpoint=URL&region=fr-par&style=virtual|path&ca=FILE&public=URL
  std::string access_key;
  std::string secret_key;
  std::string spool_folder = "/tmp";  // for what is written until its size is known
};
// Objects in a bucket of S3. An object up to 64 MiB is one PUT, a larger one is sent in parts; what
// failed on the way is tried again. usage for a wrong URL or a missing key; nothing is asked yet.
Result<std::unique_ptr<ObjectStore>> open_s3(S3Options options);

}  // namespace mecapy::objects
