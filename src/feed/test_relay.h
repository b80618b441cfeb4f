// For tests: a process of several that share a channel of the Redis of tools/services.sh.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/test_services.h"
#include "feed/feed.h"
#include "feed/relay.h"
#include "redis/address.h"

namespace mecapy::feed {

struct Process {
  Process(boost::asio::io_context& loop, const std::string& prefix) : feed(loop.get_executor()) {
    RelayOptions options;
    options.address = redis::parse_address(base::of_service("redis")).value();
    options.prefix = prefix;
    options.origin = base::make_uuid7();
    options.cancel = [this](const model::RunId& id) { cancelled.push_back(id); };
    relay = std::make_unique<Relay>(loop.get_executor(), feed, std::move(options));
  }
  Feed feed;
  std::vector<model::RunId> cancelled;
  std::unique_ptr<Relay> relay;
};

}  // namespace mecapy::feed
