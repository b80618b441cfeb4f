#include "backends/addresses.h"

#include <boost/url.hpp>
#include <charconv>

#include "net/http_client.h"

namespace mecapy::backends {
namespace {

constexpr int kMostAtOnce = 1000;

Error no_address(std::string_view text, const std::string& why) {
  return fail(ErrorCode::usage, "worker.url " + why + ": " + std::string(text) +
                                    "; it is https://HOST?concurrency=8&contract=mecapy|seed");
}

bool set_parameter(Address& address, std::string_view key, std::string_view value) {
  if (key == "contract" && (value == "mecapy" || value == "seed")) {
    address.contract = value == "seed" ? Contract::seed : Contract::mecapy;
    return true;
  }
  const auto read = std::from_chars(value.data(), value.data() + value.size(), address.capacity);
  return key == "concurrency" && read.ec == std::errc() &&
         read.ptr == value.data() + value.size() && address.capacity >= 1 &&
         address.capacity <= kMostAtOnce;
}

Result<Address> parse_address(std::string_view text) {
  const auto url = boost::urls::parse_uri(text);
  if (!url) return no_address(text, "has what is no URL");
  if (url->has_userinfo() || url->has_fragment()) {
    return no_address(text, "has a URL with a user or a fragment");
  }
  Address address;
  for (const auto& parameter : url->params()) {
    if (!set_parameter(address, parameter.key, parameter.value)) {
      return no_address(text, "has " + parameter.key + "=" + parameter.value +
                                  ", which is neither concurrency from 1 to " +
                                  std::to_string(kMostAtOnce) + " nor a contract");
    }
  }
  address.url = text.substr(0, text.find('?'));
  while (address.url.ends_with('/')) address.url.pop_back();
  if (auto fine = net::check_url(address.url); !fine) return fine.error();
  return address;
}

}  // namespace

Result<std::vector<Address>> parse_addresses(std::string_view text) {
  constexpr std::string_view kBetween = ", \t\n";
  std::vector<Address> addresses;
  while (true) {
    const std::size_t begin = text.find_first_not_of(kBetween);
    if (begin == std::string_view::npos) return addresses;
    text.remove_prefix(begin);
    const std::string_view one = text.substr(0, text.find_first_of(kBetween));
    auto address = parse_address(one);
    if (!address) return address.error();
    addresses.push_back(std::move(*address));
    text.remove_prefix(one.size());
  }
}

}  // namespace mecapy::backends
