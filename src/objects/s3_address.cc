#include "objects/s3_address.h"

#include <boost/url.hpp>

#include "net/http_client.h"
#include "objects/s3_sign.h"

namespace mecapy::objects {
namespace {

Error no_address(const std::string& why) {
  return fail(ErrorCode::usage, "the URL of the objects " + why +
                                    "; it is s3://BUCKET/PREFIX?endpoint=URL&region=fr-par");
}

bool is_ip(std::string_view host) {
  return host.starts_with('[') || host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::string_view after_scheme(std::string_view endpoint) {
  return endpoint.substr(endpoint.find("//") + 2);
}

Result<void> set_parameter(S3Address& address, bool& style_given, const std::string& key,
                           const std::string& value) {
  if (key == "endpoint") {
    address.endpoint = value;
  } else if (key == "region") {
    address.region = value;
  } else if (key == "public") {
    address.public_endpoint = value;
  } else if (key == "ca") {
    address.ca = value;
  } else if (key == "style" && (value == "path" || value == "virtual")) {
    address.path_style = value == "path";
    style_given = true;
  } else {
    return no_address("has the unknown parameter " + key + "=" + value);
  }
  return {};
}

}  // namespace

std::string S3Address::origin() const {
  if (path_style) return endpoint;
  const std::size_t host = endpoint.find("//") + 2;
  return endpoint.substr(0, host) + bucket + "." + endpoint.substr(host);
}

std::string S3Address::host() const { return std::string(after_scheme(origin())); }

S3Address S3Address::from_outside() const {
  S3Address address = *this;
  if (!public_endpoint.empty()) address.endpoint = public_endpoint;
  return address;
}

std::string S3Address::path(std::string_view key) const {
  std::string path = path_style ? "/" + bucket : "";
  if (!key.empty()) path += "/" + percent_encoded(prefix + std::string(key), Slashes::kept);
  return path.empty() ? "/" : path;
}

Result<S3Address> parse_s3_address(std::string_view text) {
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed || parsed->scheme() != "s3") return no_address("cannot be read");
  S3Address address;
  address.bucket = parsed->host();
  if (address.bucket.empty()) return no_address("names no bucket");
  std::string path = parsed->path();
  while (path.starts_with('/')) path.erase(0, 1);
  if (!path.empty() && !path.ends_with('/')) path += '/';
  address.prefix = path;
  bool style_given = false;
  for (const auto& parameter : parsed->params()) {
    auto set = set_parameter(address, style_given, parameter.key, parameter.value);
    if (!set) return set.error();
  }
  if (address.endpoint.empty()) address.endpoint = "https://s3." + address.region + ".scw.cloud";
  if (address.public_endpoint.empty()) address.public_endpoint = address.endpoint;
  if (address.public_endpoint == "none") address.public_endpoint.clear();
  for (std::string* endpoint : {&address.endpoint, &address.public_endpoint}) {
    while (endpoint->ends_with('/')) endpoint->pop_back();
    if (endpoint->empty()) continue;
    if (auto fine = net::check_url(*endpoint); !fine) return fine.error();
    if (after_scheme(*endpoint).find('/') != std::string_view::npos) {
      return no_address("has an endpoint with a path");
    }
  }
  std::string_view host = after_scheme(address.endpoint);
  if (!host.starts_with('[')) host = host.substr(0, host.find(':'));
  if (!style_given) address.path_style = is_ip(host) || host == "localhost";
  return address;
}

}  // namespace mecapy::objects
