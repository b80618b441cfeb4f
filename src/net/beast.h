// Beast, as this room uses it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace mecapy::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
// A server's connection: TCP or Unix alike.
using Stream = beast::basic_stream<asio::generic::stream_protocol>;

// co_await f(..., to(ec)): the error goes into `ec` instead of an exception.
inline auto to(error_code& ec) { return asio::redirect_error(asio::use_awaitable, ec); }

}  // namespace mecapy::net
