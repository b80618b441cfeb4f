#include "client/problem.h"

#include <boost/json.hpp>
#include <charconv>

#include "base/utf8.h"

namespace mecapy::client {
namespace {

namespace json = boost::json;

constexpr std::size_t kLongest = 2000;  // bytes of one text
constexpr std::size_t kMost = 20;       // wrong fields shown

ErrorCode code_of_status(int status) {
  switch (status) {
    case 401:
    case 403:
      return ErrorCode::unauthorized;
    case 404:
      return ErrorCode::not_found;
    case 408:
      return ErrorCode::request_timeout;
    case 409:
      return ErrorCode::conflict;
    case 413:
      return ErrorCode::too_large;
    case 429:
      return ErrorCode::busy;
    case 504:
      return ErrorCode::deadline_exceeded;
    default:
      return status >= 500 ? ErrorCode::unavailable : ErrorCode::invalid_request;
  }
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return "";
  return base::one_line(value->get_string(), kLongest);
}

std::optional<int> number_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  return static_cast<int>(value->get_int64());
}

void add_problems(Error& error, const json::object& problem) {
  const json::value* list = problem.if_contains("errors");
  if (list == nullptr || !list->is_array()) return;
  for (const json::value& item : list->get_array()) {
    const json::object* one = item.if_object();
    if (one == nullptr || error.problems.size() == kMost) return;
    error.problems.push_back({text_of(*one, "pointer"), text_of(*one, "detail"),
                              number_of(*one, "line"), number_of(*one, "column")});
  }
}

}  // namespace

Error problem_of(const net::Response& answer) {
  Error error{code_of_status(answer.status), "the server answers " + std::to_string(answer.status)};
  json::error_code ec;
  const json::value whole = json::parse(answer.body, ec);
  const json::object* problem = ec ? nullptr : whole.if_object();
  if (problem == nullptr) return error;
  const std::string code = text_of(*problem, "code");
  for (const base::ErrorRow& row : base::error_table()) {
    if (row.name == code && row.carried == base::Carried::in_answers) error.code = row.code;
  }
  if (std::string detail = text_of(*problem, "detail"); !detail.empty()) {
    error.message = std::move(detail);
  }
  add_problems(error, *problem);
  return error;
}

std::optional<std::chrono::seconds> retry_after(const net::Response& answer) {
  const auto text = net::find_header(answer.headers, "Retry-After");
  if (!text) return std::nullopt;
  int seconds = 0;
  const auto end = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (end.ec != std::errc() || end.ptr != text->data() + text->size()) return std::nullopt;
  if (seconds < 0 || seconds > 3600) return std::nullopt;
  return std::chrono::seconds(seconds);
}

}  // namespace mecapy::client
