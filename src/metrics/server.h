// The port that Prometheus scrapes: GET /metrics and nothing else, for anyone who reaches it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "metrics/metrics.h"
#include "net/http_server.h"

namespace mecapy::metrics {

// `metrics` must outlive the server, which runs on `io`. ErrorCode::unavailable names the address
// when it cannot be bound.
Result<std::unique_ptr<net::HttpServer>> serve(boost::asio::io_context& io, const std::string& host,
                                               std::uint16_t port, const Metrics& metrics);

}  // namespace mecapy::metrics
