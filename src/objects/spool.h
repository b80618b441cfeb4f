// Bytes on their way to an object store elsewhere, until it is known how many they are: a few in
// memory, more in a file that has no name. Their SHA-256 is known at any time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "base/sha256.h"
#include "objects/s3_client.h"

namespace mecapy::objects {

class Spool {
 public:
  // `folder`: where the file is made.
  explicit Spool(std::string folder);
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  Result<void> append(std::string_view bytes);
  std::int64_t size() const { return size_; }
  // All of it; the spool must stay while it is used.
  S3Body body() const;
  // As new.
  Result<void> clear();

 private:
  Result<void> to_file();

  std::string folder_;
  std::string memory_;
  base::Fd file_;
  std::int64_t size_ = 0;
  base::Sha256 hash_;
};

}  // namespace mecapy::objects
