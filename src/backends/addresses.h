// The setting worker.url: where serverless containers are.
#pragma once

#include <string_view>
#include <vector>

#include "backends/backend.h"

namespace mecapy::backends {

struct Address {
  std::string url;  // as of ServerlessOptions
  int capacity = 8;
  Contract contract = Contract::mecapy;
};

// "https://HOST/PATH?concurrency=8&contract=mecapy|seed", several with spaces or commas between
// them; none for "". usage for what is no such address, or goes to another machine without TLS.
Result<std::vector<Address>> parse_addresses(std::string_view text);

}  // namespace mecapy::backends
