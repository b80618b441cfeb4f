#include "base/loopback.h"

#include <arpa/inet.h>

#include <string>

namespace mecapy::base {

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "::1" || host == "[::1]") return true;
  if (host.find('\0') != std::string_view::npos) return false;  // inet_pton would read to there
  in_addr address{};
  return ::inet_pton(AF_INET, std::string(host).c_str(), &address) == 1 &&
         ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
}

}  // namespace mecapy::base
