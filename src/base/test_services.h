// For tests: how the services that tools/services.sh started are reached.
#pragma once

#include <fstream>
#include <stdexcept>
#include <string>

namespace mecapy::base {

// The first line of the file `name` of the service `service`: its "url".
inline std::string of_service(const std::string& service, const std::string& name = "url") {
  std::ifstream file(std::string(MECAPY_SERVICES) + "/" + service + "/" + name);
  std::string line;
  if (!std::getline(file, line)) {
    throw std::runtime_error(service + " is not there to test on: run `make services`");
  }
  return line;
}

}  // namespace mecapy::base
