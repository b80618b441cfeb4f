// The calls to a bucket: signed, tried again where the service or the network failed, answers
// understood. Every call may be done twice without harm.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "net/http_client.h"
#include "objects/objects.h"
#include "objects/s3_address.h"
#include "objects/s3_sign.h"

namespace mecapy::objects {

// What is uploaded, with the SHA-256 of it, which the service checks.
struct S3Body {
  std::variant<std::string, net::FilePart> bytes{};
  std::string sha256{};  // hexadecimal
};

struct S3Object {
  std::string bytes;
  std::string sha256;  // as it was uploaded; empty for what came in parts
};

struct S3Page {
  std::vector<Listed> objects;
  std::string next;  // empty on the last page
};

class S3Client {
 public:
  S3Client(S3Address address, S3Keys keys);

  // conflict when the key is taken by somebody else.
  awaitable<Result<void>> put(std::string key, S3Body body, base::Deadline deadline);
  awaitable<Result<ObjectInfo>> stat(std::string key, base::Deadline deadline);
  // At most `length` bytes from `offset`, `length` at least 1.
  awaitable<Result<std::string>> read(std::string key, std::int64_t offset, std::int64_t length,
                                      base::Deadline deadline);
  // The whole object; too_large beyond `max` bytes.
  awaitable<Result<S3Object>> get(std::string key, std::int64_t max, base::Deadline deadline);
  awaitable<Result<void>> remove(std::string key, base::Deadline deadline);
  // Keys that begin with `begin`, which is "" or what a page before gave as `next`.
  awaitable<Result<S3Page>> list(std::string begin, std::string after, int limit,
                                 base::Deadline deadline);

  // An object in parts, numbered from 1; all but the last have at least 5 MiB.
  struct Upload {
    std::string key;
    std::string id;
    std::string writer;  // tells that an object is this upload's
    std::vector<std::string> etags{};
  };
  awaitable<Result<Upload>> begin_upload(std::string key, base::Deadline deadline);
  awaitable<Result<void>> add_part(Upload& upload, S3Body body, base::Deadline deadline);
  // conflict when the key is taken by somebody else.
  awaitable<Result<void>> complete(const Upload& upload, base::Deadline deadline);
  awaitable<Result<void>> abort(Upload upload, base::Deadline deadline);

  // A link anyone may read the object by, for `life`; a browser saves it under `file_name`.
  std::string link(const std::string& key, const std::string& file_name,
                   const std::string& content_type, std::chrono::seconds life) const;
  // As of ObjectStore.
  std::optional<Grant> grant_put(const std::string& key, const ObjectInfo& object,
                                 std::chrono::seconds life) const;
  std::optional<Grant> grant_get(const std::string& key, std::chrono::seconds life) const;

  // Thread-safe.
  Traffic traffic() const { return {requests_, retries_}; }

 private:
  struct Call {
    std::string method;
    std::string key{};
    net::Headers query{};
    net::Headers headers{};  // of lower-case names
    S3Body body{};
    std::int64_t max_response = 1 << 20;
  };
  net::Outgoing sign(const Call& call) const;
  awaitable<Result<net::Response>> call(const Call& call, base::Deadline deadline);
  awaitable<Result<bool>> wrote(std::string key, std::string writer, base::Deadline deadline);

  S3Address address_;
  S3Keys keys_;
  std::atomic<std::uint64_t> requests_ = 0;
  std::atomic<std::uint64_t> retries_ = 0;
  net::HttpClient http_;
};

}  // namespace mecapy::objects
