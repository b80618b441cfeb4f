#include "client/problem.h"

#include <charconv>

#include "base/utf8.h"
#include "client/view.h"

namespace mecapy::client {
namespace {

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

std::string line_of(const View& object, std::string_view name) {
  return base::one_line(object.text(name), kLongest);
}

void add_problems(Error& error, const View& problem) {
  for (const json::value& item : problem.list("errors")) {
    if (!item.is_object() || error.problems.size() == kMost) return;
    const View one(item);
    error.problems.push_back(
        {line_of(one, "pointer"), line_of(one, "detail"), one.small("line"), one.small("column")});
  }
}

}  // namespace

Error problem_of(const net::Response& answer) {
  Error error{code_of_status(answer.status), "the server answers " + std::to_string(answer.status)};
  const json::value whole = parsed(answer.body);
  const View problem(whole);
  const std::string code = problem.text("code");
  for (const base::ErrorRow& row : base::error_table()) {
    if (row.name == code && row.carried == base::Carried::in_answers) error.code = row.code;
  }
  if (std::string detail = line_of(problem, "detail"); !detail.empty()) {
    error.message = std::move(detail);
  }
  add_problems(error, problem);
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
