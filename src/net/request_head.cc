#include "net/request_head.h"

#include <algorithm>
#include <boost/url.hpp>
#include <cctype>

#include "base/id.h"

namespace mecapy::net {
namespace {

bool is_request_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  });
}

}  // namespace

Result<Request> read_head(const http::request_parser<http::empty_body>& head) {
  const auto& message = head.get();
  if (message.count(http::field::transfer_encoding) > 0 && !head.chunked()) {
    return fail_at("#header/Transfer-Encoding", ErrorCode::invalid_request,
                   "the only transfer coding here is chunked");
  }
  if (message.version() == 11 && message.count(http::field::host) != 1) {
    return fail_at("#header/Host", ErrorCode::invalid_request, "a request has exactly one Host");
  }
  Request request;
  request.method = std::string(message.method_string());
  for (const auto& field : message.base()) {
    request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  const auto given = request.header("x-request-id");
  request.id = given && is_request_id(*given) ? std::string(*given) : base::random_hex(8);
  const auto url = boost::urls::parse_origin_form(message.target());
  if (!url) return fail_at("#path", ErrorCode::invalid_request, "the request target is not a path");
  const auto decoded = url->encoded_path();
  request.path = boost::urls::pct_string_view(decoded).decode();
  if (request.path.find('\0') != std::string::npos) {
    return fail_at("#path", ErrorCode::invalid_request, "the path holds a zero byte");
  }
  boost::urls::encoding_opts plus;
  plus.space_as_plus = true;
  for (const auto& param : url->encoded_params()) {
    request.query.emplace(boost::urls::pct_string_view(param.key).decode(plus),
                          boost::urls::pct_string_view(param.value).decode(plus));
  }
  return request;
}

}  // namespace mecapy::net
