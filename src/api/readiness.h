// Whether the parts the API stands on are there, and which is not.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace mecapy::api {

using boost::asio::awaitable;

// Asks all parts at once, each at most once at a time and once in Pace::remembered, however often
// somebody looks. A part that does not answer within Pace::patience counts as away until it does;
// it holds up neither the others nor the next look. For one thread.
class Readiness {
 public:
  struct Pace {
    std::chrono::milliseconds remembered{2'000};
    std::chrono::milliseconds patience{2'500};  // less than `mecapy health` has
  };
  // unknown: it was not asked, and is taken for fine.
  enum class Status : std::uint8_t { ok, unknown, degraded, unavailable };
  struct Part {
    std::string_view name;
    Status without;  // what the whole is when the part is away
    // "" when it is there, why nobody knows, or, as an error, why it is away, or, as conflict, what
    // is wrong with the set-up of one that works on: degraded at most; by the deadline, or later.
    std::function<awaitable<Result<std::string>>(base::Deadline)> ask;
  };
  // What the parts use must outlive the executor that look() is awaited on.
  explicit Readiness(std::vector<Part> parts) : Readiness(std::move(parts), Pace()) {}
  Readiness(std::vector<Part> parts, Pace pace);

  struct Finding {
    std::string_view part;
    Status status = Status::ok;
    std::string why{};  // "" when ok
  };
  // One for each part, in their order.
  awaitable<std::vector<Finding>> look();

 private:
  struct Asked;
  Pace pace_;
  std::shared_ptr<Asked> asked_;
};

std::string_view name(Readiness::Status status);

}  // namespace mecapy::api
