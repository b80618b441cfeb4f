// Result<T>: a value or a base::Error. Expected failures travel as values; exceptions mean a
// defect.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <utility>

#include "base/error.h"

namespace mecapy::base {

// Called by Result::value() on an error: taking the value of a failure is a defect of the caller.
[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&) {
  throw std::logic_error("value() of a failed Result: " + error.message);
}

template <class T>
class [[nodiscard]] Result : public boost::system::result<T, Error> {
 public:
  using boost::system::result<T, Error>::result;
};

// The common way to make a failure: return fail(ErrorCode::not_found, "no such run");
inline Error fail(ErrorCode code, std::string message) {
  return Error{code, std::move(message), {}};
}

// The same of a request, with the place in it that is wrong: see FieldProblem::pointer.
inline Error fail_at(std::string pointer, ErrorCode code, std::string message) {
  FieldProblem problem{std::move(pointer), message, {}, {}};
  return Error{code, std::move(message), {std::move(problem)}};
}

}  // namespace mecapy::base

namespace mecapy {
using base::Error;
using base::ErrorCode;
using base::fail;
using base::fail_at;
using base::FieldProblem;
using base::Result;
}  // namespace mecapy
