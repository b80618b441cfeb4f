// An object on its way to a client: read from its begin, piece by piece, and hashed as it goes.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/sha256.h"
#include "objects/objects.h"

namespace mecapy::api {

using boost::asio::awaitable;

class ObjectReader {
 public:
  // `sha256` of all its bytes; "" for what the store keeps, which may be nothing: then nothing is
  // compared. not_found when there is no such object. The store must outlive the reader.
  static awaitable<Result<ObjectReader>> open(objects::ObjectStore& objects, std::string key,
                                              std::string sha256);

  std::int64_t size() const { return size_; }  // bytes
  std::int64_t at() const { return at_; }      // bytes behind us
  // The next bytes, `length` or what is left; "" at the end. storage when they are not there, or
  // are the last and the whole is not what was written.
  awaitable<Result<std::string>> next(std::int64_t length);
  // Goes on to `at`, at most the end. Where a hash is known what lies between is read, at most
  // `length` bytes at once.
  awaitable<Result<void>> skip_to(std::int64_t at, std::int64_t length);

 private:
  ObjectReader(objects::ObjectStore& objects, std::string key, std::int64_t size,
               std::string sha256)
      : objects_(&objects), key_(std::move(key)), size_(size), sha256_(std::move(sha256)) {}

  Result<std::string> checked(std::string piece);

  objects::ObjectStore* objects_;
  std::string key_;
  std::int64_t size_;
  std::string sha256_;
  std::int64_t at_ = 0;
  base::Sha256 hash_{};  // of what is behind us
};

}  // namespace mecapy::api
