#include "redis/address.h"

#include <boost/url.hpp>
#include <charconv>

#include "base/loopback.h"

namespace mecapy::redis {
namespace {

constexpr std::string_view kShape = "rediss://USER:PASSWORD@HOST:PORT/DATABASE?ca=FILE";

Error no_address(const std::string& why) {
  return fail(ErrorCode::usage, "the URL of Redis " + why + "; it is " + std::string(kShape));
}

std::string host_of(const boost::urls::url_view& url) {
  std::string host = url.host();
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

// Whether the whole text is a number of this size, not below 0.
template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end && number >= 0;
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed) return no_address("cannot be read");
  const boost::urls::url_view& url = *parsed;
  Address address;
  address.tls = url.scheme() == "rediss";
  if (!address.tls && url.scheme() != "redis") return no_address("begins with another word");
  address.host = host_of(url);
  if (address.host.empty()) return no_address("names no host");
  if (!address.tls && !base::is_loopback(address.host)) {
    return no_address("asks for no TLS (redis://), but the server is on another machine");
  }
  if (url.has_port() && !parse_number(url.port(), address.port)) {
    return no_address("has a port that is none");
  }
  address.user = url.user();
  address.password = url.password();
  std::string path = url.path();
  if (!path.empty()) path.erase(0, 1);
  if (!path.empty() && !parse_number(path, address.database)) {
    return no_address("names a database that is no number");
  }
  for (const auto& parameter : url.params()) {
    if (parameter.key != "ca") return no_address("has the unknown parameter " + parameter.key);
    address.ca = parameter.value;
  }
  return address;
}

}  // namespace mecapy::redis
