#include "api/api.h"

#include <algorithm>

#include "api/routes.h"
#include "base/log.h"
#include "wire/api_json.h"

namespace mecapy::api {
namespace {

// For the identity provider, where one must be asked.
constexpr std::chrono::seconds kAuthentication{8};

using PathValues = std::map<std::string, std::string>;

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    path.remove_prefix(1);  // '/'
    const std::size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash);
  }
  return parts;
}

// Where `part` stands in `path`, to take the rest of the path from there.
std::string rest_of(std::string_view path, std::string_view part) {
  return std::string(path.substr(static_cast<std::size_t>(part.data() - path.data())));
}

std::optional<PathValues> match(std::string_view pattern, std::string_view path) {
  const auto want = split(pattern);
  const auto have = split(path);
  PathValues values;
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (i >= have.size()) return std::nullopt;
    if (!want[i].starts_with('{')) {
      if (want[i] != have[i]) return std::nullopt;
      continue;
    }
    if (have[i].empty()) return std::nullopt;
    if (want[i].ends_with("...}")) {
      values[std::string(want[i].substr(1, want[i].size() - 5))] = rest_of(path, have[i]);
      return values;
    }
    values[std::string(want[i].substr(1, want[i].size() - 2))] = std::string(have[i]);
  }
  if (have.size() != want.size()) return std::nullopt;
  return values;
}

struct Found {
  const Route* route = nullptr;
  PathValues values{};
  std::vector<std::string_view> methods{};  // those the path knows, when the method is not one
};

Found find_route(const net::Request& request) {
  Found found;
  const std::string_view method =
      request.method == "HEAD" ? "GET" : std::string_view(request.method);
  for (const Route& route : route_table()) {
    auto values = match(route.pattern, request.path);
    if (!values) continue;
    // A literal row comes before the row with a variable: the first path wins for its method.
    if (route.method == method) {
      found.route = &route;
      found.values = std::move(*values);
      return found;
    }
    if (std::ranges::find(found.methods, route.method) == found.methods.end()) {
      found.methods.push_back(route.method);
    }
  }
  return found;
}

net::Response unrouted(const Found& found, const net::Request& request) {
  if (found.methods.empty()) {
    return problem(fail_at("#path", ErrorCode::not_found, "there is nothing at " + request.path),
                   request.id);
  }
  std::string allow;
  for (const std::string_view method : found.methods) {
    if (!allow.empty()) allow += ", ";
    allow += method;
  }
  net::Response response = problem(
      fail_at("#method", ErrorCode::method_not_allowed, request.method + " is not among " + allow),
      request.id);
  response.headers.emplace_back("Allow", allow);
  return response;
}

bool same_word(std::string_view one, std::string_view other) {
  return std::ranges::equal(one, other, {}, [](unsigned char c) { return std::tolower(c); });
}

bool is_identity(std::string_view coding) {
  return coding.empty() || same_word(coding, "identity");
}

// The coding of the body as its header names it, of whatever line; nothing when it has none.
std::optional<std::string_view> coding_of(const net::Request& head) {
  for (const auto& [name, value] : head.headers) {
    if (same_word(name, "content-encoding") && !is_identity(value)) return value;
  }
  return std::nullopt;
}

Error coded(std::string_view coding) {
  return fail_at("#header/Content-Encoding", ErrorCode::unsupported_media,
                 "send the body without Content-Encoding: " + std::string(coding));
}

bool is_json_type(std::string_view type) {
  std::string_view media = type.substr(0, type.find(';'));
  while (media.ends_with(' ') || media.ends_with('\t')) media.remove_suffix(1);
  return same_word(media, "application/json");
}

std::optional<Error> check_query(const Route& route, const net::Request& request) {
  Error error{ErrorCode::invalid_fields, "some query parameters are wrong", {}};
  for (const auto& [name, value] : request.query) {
    const bool known =
        std::ranges::any_of(route.query, [&](const QuerySpec& q) { return q.name == name; });
    if (!known) error.problems.push_back({"#query/" + name, "unknown query parameter", {}, {}});
    if (known && request.query.count(name) > 1) {
      error.problems.push_back({"#query/" + name, "given more than once", {}, {}});
    }
  }
  if (error.problems.empty()) return std::nullopt;
  return error;
}

// The store does not know where its arguments stood in the request.
Error located(Error error) {
  if (!error.problems.empty()) return error;
  if (error.code == ErrorCode::not_found) {
    return fail_at("#path/id", error.code, std::move(error.message));
  }
  if (error.code == ErrorCode::idempotency_mismatch) {
    return fail_at("#header/Idempotency-Key", error.code, std::move(error.message));
  }
  return error;
}

}  // namespace

net::Response problem(const Error& error, const std::string& request_id) {
  if (base::row(error.code).carried == base::Carried::between_parts) {
    base::log_error("no answer carries this error",
                    {{"request", request_id}, {"error", error.message}});
    return problem(fail(ErrorCode::internal, "a defect of ours"), request_id);
  }
  net::Response response;
  response.status = base::row(error.code).http_status;
  response.content_type = "application/problem+json";
  response.body = wire::problem_json(error, response.status, request_id);
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (response.status == 429 || response.status == 503) {
    response.headers.emplace_back("Retry-After", "1");
  }
  return response;
}

std::string_view route_of(const net::Request& request) {
  for (const Route& route : route_table()) {
    if (match(route.pattern, request.path)) return route.pattern;
  }
  return "";
}

std::optional<net::Response> Api::admit(const net::Request& head,
                                        std::optional<std::int64_t> length) const {
  const Found found = find_route(head);
  if (found.route == nullptr) return unrouted(found, head);
  if (found.route->access == Access::token) {
    // Who cannot be told without asking is asked for once the request is there.
    const auto caller = parts_.authenticator.check(head.header("authorization"));
    if (!caller && caller.error().code != ErrorCode::unavailable) {
      return problem(caller.error(), head.id);
    }
  }
  const bool has_body = length != 0;
  if (has_body && found.route->body.empty() && found.route->method == "GET") {
    return problem(fail_at("", ErrorCode::invalid_request, "this request takes no body"), head.id);
  }
  if (const auto coding = coding_of(head); has_body && coding) {
    net::Response response = problem(coded(*coding), head.id);
    response.headers.emplace_back("Accept-Encoding", "identity");  // RFC 9110, 12.5.3
    return response;
  }
  if (has_body && !is_json_type(head.header("content-type").value_or(""))) {
    return problem(fail_at("#header/Content-Type", ErrorCode::unsupported_media,
                           "send Content-Type: application/json"),
                   head.id);
  }
  return std::nullopt;
}

awaitable<void> Api::handle(net::Exchange& exchange) {
  const net::Request& request = exchange.request();
  Found found = find_route(request);
  if (found.route == nullptr) {
    net::Response response = unrouted(found, request);
    co_await exchange.respond(std::move(response));
    co_return;
  }
  exchange.tell({found.route->pattern, {}});
  Call call{exchange, {}, std::move(found.values)};
  if (found.route->access == Access::token) {
    auto caller = co_await parts_.authenticator.authenticate(request.header("authorization"),
                                                             base::after(kAuthentication));
    if (!caller) {
      net::Response response = problem(caller.error(), request.id);
      co_await exchange.respond(std::move(response));
      co_return;
    }
    call.caller = std::move(*caller);
    exchange.tell({found.route->pattern, call.caller.user});
  }
  if (const auto wrong = check_query(*found.route, request)) {
    net::Response response = problem(*wrong, request.id);
    co_await exchange.respond(std::move(response));
    co_return;
  }
  Answer answer = co_await found.route->handler(*this, call);
  if (!answer) {
    net::Response response = problem(located(answer.error()), request.id);
    co_await exchange.respond(std::move(response));
  } else if (*answer) {
    net::Headers& headers = (*answer)->headers;
    headers.insert(headers.end(), call.headers.begin(), call.headers.end());
    co_await exchange.respond(std::move(**answer));
  }
}

}  // namespace mecapy::api
