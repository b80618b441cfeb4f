// A backend runs one attempt somewhere: every backend talks to a `mecapy worker` by the /execute
// contract.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/jitter.h"
#include "base/result.h"
#include "model/look.h"
#include "model/run.h"
#include "objects/objects.h"

namespace mecapy::backends {

using boost::asio::awaitable;

// Told what happens while an attempt runs.
class Observer {
 public:
  virtual ~Observer() = default;
  // All of it together is at most the run's log_kb.
  virtual void log(std::string_view text) = 0;
  virtual void progress(std::string_view json) = 0;
  // It saved a state, which is an object now; without its attempt.
  virtual void checkpoint(const model::Checkpoint&) {}
  // It could not use the checkpoint of its job.
  virtual void anew() {}
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
  virtual std::string_view name() const = 0;  // as in the API: "local", "serverless_container"
  // Attempts it takes at once.
  virtual int capacity() const = 0;
  // Runs `job` to its end. What goes wrong on the way is a failed end with a platform code:
  // backend_unavailable (nobody was reached, or took it), worker_lost (the worker broke off, and
  // left no result), storage_unavailable, internal. After cancellation.request() it ends soon, with
  // status cancelled.
  virtual awaitable<model::RunEnd> execute(model::Job job, Observer& observer,
                                           Cancellation& cancellation) = 0;
  // Looks at code without running it. unavailable when no worker answers, busy when none has time
  // before the deadline.
  virtual awaitable<Result<model::Look>> check(std::string code, base::Deadline deadline) = 0;
  // Whether nobody took the last attempts: another backend is better, where there is one.
  virtual bool in_trouble() const { return false; }
  // Whether an attempt would tell its environment, which is not known now.
  virtual bool would_tell() const { return false; }
  // The Python environment that runs find there, as last told; "" before, and when that was too
  // long ago.
  virtual std::string environment() const = 0;
  // Whether attempts can be expected to find a worker: "" when one is there, else why nobody knows;
  // unavailable says what is wrong, conflict what is wrong with the set-up of one that is there and
  // takes other attempts.
  virtual awaitable<Result<std::string>> ready(base::Deadline deadline) = 0;
};

// The worker of this machine, at a Unix socket.
struct LocalOptions {
  std::string socket_path;
  int capacity = 2;
};
std::unique_ptr<Backend> make_local(LocalOptions options);

// What is known of a worker elsewhere.
enum class Contract : std::uint8_t {
  mecapy,  // ours: answers line by line, takes small inputs with the call
  seed,    // knows {task_id, code, inputs_s3_key, user_id} only, and answers {status, result_key}
};

// A serverless container: a worker behind an HTTPS address that starts and ends machines as it
// likes, and may answer for them.
struct ServerlessOptions {
  std::string url;    // of the container: https://HOST/PATH
  std::string token;  // sent as X-Auth-Token; "" sends none
  std::string ca;     // as of net::ClientOptions
  int capacity = 8;
  Contract contract = Contract::mecapy;
  std::chrono::milliseconds timeout{600'000};  // the container's own: the longest it lets a call be
  std::chrono::milliseconds margin{30'000};    // so much longer it is waited for
  // For an address where nobody is reached, and for one that has no room: so long it is tried
  // again, before the attempt is given up.
  std::chrono::milliseconds patience{20'000};
  std::chrono::milliseconds patience_when_full{120'000};
  std::chrono::milliseconds backoff{100};  // the longest before the first repetition; doubles
  // The pause out of the longest it may be.
  std::function<std::chrono::milliseconds(std::chrono::milliseconds)> draw = base::jittered;
  // The age of what the worker told.
  std::function<base::Deadline()> now = [] { return std::chrono::steady_clock::now(); };
  std::int64_t inline_limit = 32 * 1024;  // as of objects.inline_limit
  std::int64_t max_result = 64 << 20;     // of a result that is an object, bytes
};
// `objects` are those the container reads and writes; not owned.
std::unique_ptr<Backend> make_serverless(ServerlessOptions options, objects::ObjectStore& objects);

}  // namespace mecapy::backends
