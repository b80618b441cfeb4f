// Whether a server is on this machine: only there may traffic go unprotected.
#pragma once

#include <string_view>

namespace mecapy::base {

// "localhost", "::1" or "[::1]", or an IPv4 address 127.x.y.z; not a name that begins like one.
bool is_loopback(std::string_view host);

}  // namespace mecapy::base
