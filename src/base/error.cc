#include "base/error.h"

namespace mecapy::base {

const std::vector<ErrorRow>& error_table() {
  using enum ErrorCode;
  static const std::vector<ErrorRow> table = {
      {invalid_request, "invalid_request", 400, 64, "The request is malformed"},
      {invalid_fields, "invalid_fields", 422, 65, "Some fields are wrong"},
      {invalid_code, "invalid_code", 422, 65, "The code is not a calculation"},
      {too_deep, "too_deep", 422, 65, "The JSON is nested too deep"},
      {too_large, "too_large", 413, 65, "Too large"},
      {header_too_large, "header_too_large", 431, 65, "The header is too large"},
      {request_timeout, "request_timeout", 408, 75, "The request did not arrive in time"},
      {unsupported_media, "unsupported_media", 415, 65, "The body must be application/json"},
      {unauthorized, "unauthorized", 401, 77, "A valid bearer token is required"},
      {not_found, "not_found", 404, 66, "Not found"},
      {method_not_allowed, "method_not_allowed", 405, 64, "The method is not allowed here"},
      {conflict, "conflict", 409, 65, "The state does not allow it"},
      {idempotency_mismatch, "idempotency_mismatch", 422, 65,
       "The Idempotency-Key was used for another request"},
      {budget_exhausted, "budget_exhausted", 402, 77, "The budget is exhausted"},
      {busy, "busy", 429, 75, "Too much work at once"},
      {draining, "draining", 503, 75, "Shutting down"},
      {deadline_exceeded, "deadline_exceeded", 504, 75, "The deadline passed"},
      {unavailable, "unavailable", 503, 69, "A service does not answer"},
      {storage, "storage", 503, 74, "The storage failed"},
      {sandbox, "sandbox", 503, 71, "The sandbox is not complete", Carried::between_parts},
      {usage, "usage", 400, 64, "Wrong usage", Carried::between_parts},
      {internal, "internal", 500, 70, "A defect of the platform"},
  };
  return table;
}

const ErrorRow& row(ErrorCode code) { return error_table().at(static_cast<std::size_t>(code)); }

}  // namespace mecapy::base
