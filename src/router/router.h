// The router: which backend an attempt goes to.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "backends/backend.h"
#include "model/run.h"

namespace mecapy::router {

// Of one thread.
class Router {
 public:
  // `backends` are not owned, in order of preference, at least one.
  explicit Router(const std::vector<backends::Backend*>& backends);

  // One attempt's room on a backend, given back when it is destroyed, before the router.
  class Place {
   public:
    Place(Router& router, std::size_t at) : router_(router), at_(at) { ++router_.rows_[at_].taken; }
    ~Place() { --router_.rows_[at_].taken; }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    backends::Backend& backend() const { return *router_.rows_[at_].backend; }

   private:
    Router& router_;
    std::size_t at_;
  };

  // A place for `job`. Today every backend takes every job: it is the one of which the smallest
  // share is taken, those in trouble last; of equal ones first the one whose environment is not
  // known, as environment() needs all; then, for another attempt, the next one: who refuses a
  // run for itself, as for its limits, is in no trouble. Full only when more than capacity() are
  // asked for.
  Place choose(const model::Job& job);
  // A look at code, as of Backend::check, by the first backend that is reached.
  boost::asio::awaitable<Result<model::Look>> check(std::string code, base::Deadline deadline);
  // "" when a backend is ready, else why nobody knows of one; conflict when none is that has no
  // fault of its set-up; unavailable when none is: what is wrong with the first.
  boost::asio::awaitable<Result<std::string>> ready(base::Deadline deadline);
  // The environment that runs find, whichever backend they go to; "" when that is not known.
  std::string environment() const;
  // Attempts all backends take at once.
  int capacity() const;

 private:
  struct Row {
    backends::Backend* backend;
    int taken = 0;
    double share() const { return static_cast<double>(taken) / backend->capacity(); }
    bool full() const { return taken >= backend->capacity(); }
  };
  std::tuple<bool, bool, double, bool> rank(const Row& row) const;  // the smallest is the best

  std::vector<Row> rows_;
};

}  // namespace mecapy::router
