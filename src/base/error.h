// The closed list of what can go wrong outside a calculation, and how each kind is told to a
// person: its stable name, its HTTP status, its process exit code.
//
// A calculation's own failure is not an Error: it is a model::Failure of its run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mecapy::base {

enum class ErrorCode : std::uint8_t {
  invalid_request,       // the request as a whole is wrong: not HTTP, not JSON, no such method
  invalid_fields,        // one or more fields are wrong; see Error::problems
  invalid_code,          // the author's code cannot be a calculation; see Error::problems
  too_deep,              // JSON nested deeper than allowed
  too_large,             // a body or value above its limit
  header_too_large,      // a request's header above its limit
  request_timeout,       // a request that did not arrive whole in time
  unsupported_media,     // a body that is not application/json
  unauthorized,          // no token, or a wrong one
  not_found,             // no such thing, or somebody else's
  method_not_allowed,    // the path exists, the method does not
  conflict,              // the thing's state does not allow it
  idempotency_mismatch,  // an Idempotency-Key used again with another request
  budget_exhausted,      // what may be spent is spent, or expected of what is under way
  busy,                  // a bound is reached: try again later
  draining,              // this process is shutting down: try again
  deadline_exceeded,     // the call's deadline passed
  unavailable,           // a part we stand on does not answer
  storage,               // the database or the object store failed
  sandbox,               // an isolation layer is missing or failed
  usage,                 // a command line or a setting is wrong
  internal,              // a defect of ours
};

// Whether an answer of the API can carry a code, or it only ends programs and goes between parts.
enum class Carried : std::uint8_t { in_answers, between_parts };

struct ErrorRow {
  ErrorCode code;
  std::string_view name;  // stable; in problem+json "code"
  int http_status;
  int exit_code;           // sysexits.h where it has a word for it
  std::string_view title;  // for people
  Carried carried = Carried::in_answers;
};

// The row of `code`; every code has one.
const ErrorRow& row(ErrorCode code);
// All rows in the order of the enum, for documents and for completeness tests.
const std::vector<ErrorRow>& error_table();

// One wrong place of a request. `pointer` is an RFC 6901 JSON pointer into the body
// ("/limits/cpus"; "" is the whole body), or for what is not in the body "#query/NAME",
// "#header/NAME" ("#header": all of them), "#path/NAME" ("#path") or "#method".
struct FieldProblem {
  std::string pointer;
  std::string detail;
  std::optional<int> line{};    // 1-based, for source code
  std::optional<int> column{};  // 1-based
};

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;                   // one sentence, for the person who can act on it
  std::vector<FieldProblem> problems{};  // empty unless a place in a request is wrong
};

}  // namespace mecapy::base
