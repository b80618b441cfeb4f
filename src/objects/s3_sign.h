// AWS Signature Version 4, for headers and for presigned links. One implementation for both:
// libcurl's does no links. Source:
// docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace mecapy::objects {

struct S3Keys {
  std::string access;
  std::string secret;
};

struct ToSign {
  std::string method;
  std::string host;
  std::string path;                                            // percent-encoded
  std::vector<std::pair<std::string, std::string>> query{};    // not encoded
  std::vector<std::pair<std::string, std::string>> headers{};  // further ones, of lower-case names
  std::string payload_sha256{};                                // hexadecimal, or "UNSIGNED-PAYLOAD"
};

enum class Slashes { kept, encoded };
// All but A-Z a-z 0-9 - . _ ~ as %XX.
std::string percent_encoded(std::string_view text, Slashes slashes);
// "a=b&c=d", encoded and in the order that is signed; "" for none.
std::string encoded_query(std::vector<std::pair<std::string, std::string>> query);

// The headers to send beside those of `request`: x-amz-date, x-amz-content-sha256, authorization.
std::vector<std::pair<std::string, std::string>> signed_headers(const ToSign& request,
                                                                const S3Keys& keys,
                                                                const std::string& region,
                                                                base::TimePoint now);
// The whole query of a link that anyone may use for `life` (at most seven days). Of `request` the
// method, host, path, query and headers count: who uses it must send these headers.
std::string signed_query(const ToSign& request, const S3Keys& keys, const std::string& region,
                         base::TimePoint now, std::chrono::seconds life);

}  // namespace mecapy::objects
