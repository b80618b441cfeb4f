// The router: which backend an attempt goes to.
#pragma once

#include <vector>

#include "backends/backend.h"
#include "model/run.h"

namespace mecapy::router {

class Router {
 public:
  // `backends` are not owned, in order of preference, at least one.
  explicit Router(std::vector<backends::Backend*> backends) : backends_(std::move(backends)) {}
  // The first backend for `job`. Today every backend takes every job.
  backends::Backend& choose(const model::Job& job) const {
    (void)job;
    return *backends_.front();
  }
  // Attempts all backends take at once.
  int capacity() const {
    int sum = 0;
    for (const backends::Backend* backend : backends_) sum += backend->capacity();
    return sum;
  }

 private:
  std::vector<backends::Backend*> backends_;
};

}  // namespace mecapy::router
