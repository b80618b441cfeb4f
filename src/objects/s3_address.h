// Where a bucket is, and how its objects are named in URLs.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mecapy::objects {

struct S3Address {
  std::string bucket;
  std::string prefix;    // of every key: "" or ending with '/'
  std::string endpoint;  // "https://s3.fr-par.scw.cloud", no '/' at the end
  // By which others reach it: links begin so. "" for none, who get no links to write by.
  std::string public_endpoint;
  std::string region = "fr-par";
  bool path_style = false;  // https://HOST/BUCKET/KEY, else https://BUCKET.HOST/KEY
  std::string ca;           // a file of certificates that alone are trusted; "": the system's

  // "https://host:port", of the bucket.
  std::string origin() const;
  // The host part of origin(), as a Host header has it.
  std::string host() const;
  // The same bucket as others reach it.
  S3Address from_outside() const;
  // The path of a key below origin(), percent-encoded; of the bucket itself for "".
  std::string path(std::string_view key) const;
};

// "s3://BUCKET/PREFIX?endpoint=URL&region=fr-par&style=virtual|path&ca=FILE&public=URL|none"; all
// but the bucket may be left out. The endpoint is Scaleway's of the region by default, and public
// the same; the style is path for an endpoint that is an IP address. usage for anything else.
Result<S3Address> parse_s3_address(std::string_view url);

}  // namespace mecapy::objects
