// How long ago something was, for people.
#pragma once

#include <string>

namespace mecapy::base {

// "12 s ago", "3 min ago", "2 h ago", "4 d ago", or the date before that. Seconds since 1970.
std::string age(double then, double now);

}  // namespace mecapy::base
