// The first kernel step of a flat list that failed, or nothing.
#pragma once

#include <cerrno>

namespace mecapy::sandbox {

struct StepFailure {
  const char* step = nullptr;  // a literal: "mount /work"
  int error = 0;               // errno
  explicit operator bool() const { return step != nullptr; }
};

inline StepFailure failed(const char* step) { return {step, errno}; }
inline StepFailure failed(const char* step, int error) { return {step, error}; }

}  // namespace mecapy::sandbox
