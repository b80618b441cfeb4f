// A backend runs one attempt somewhere: every backend talks to a `mecapy worker` by the /execute
// contract.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "model/run.h"

namespace mecapy::backends {

using boost::asio::awaitable;

// Told what happens while an attempt runs.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void log(std::string_view text) = 0;
  virtual void progress(std::string_view json) = 0;
};

// Asks a running attempt to stop. The backend sets `hook`; whoever wants to stop calls request().
class Cancellation {
 public:
  void request() {
    requested_ = true;
    if (hook_) hook_();
  }
  bool requested() const { return requested_; }
  void set_hook(std::function<void()> hook) { hook_ = std::move(hook); }
  void clear_hook() { hook_ = nullptr; }

 private:
  bool requested_ = false;
  std::function<void()> hook_;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;  // as in the API: "local"
  // Attempts it takes at once.
  virtual int capacity() const = 0;
  // Runs `job` to its end. What goes wrong on the way is a failed end with a platform code:
  // backend_unavailable (nobody was reached), worker_lost (the worker broke off), internal. After
  // cancellation.request() it ends soon, with status cancelled.
  virtual awaitable<model::RunEnd> execute(model::Job job, Observer& observer,
                                           Cancellation& cancellation) = 0;
  // Looks at code without running it: nothing when it is fine, else the failure (invalid_code).
  // unavailable when no worker answers, busy when none has time before the deadline.
  virtual awaitable<Result<std::optional<model::Failure>>> check(std::string code,
                                                                 base::Deadline deadline) = 0;
};

// The worker of this machine, at a Unix socket.
struct LocalOptions {
  std::string socket_path;
  int capacity = 2;
};
std::unique_ptr<Backend> make_local(LocalOptions options);

}  // namespace mecapy::backends
