// Machines made for one run each, and the runs that want one: what `machines` and the worker that
// calls home ask of the store. The rules of store.h hold here, too.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/machine.h"
#include "model/run.h"
#include "store/calls.h"

namespace mecapy::store {

using boost::asio::awaitable;

struct Lease;

// A queued run of the backend dedicated_instance that has no live machine.
struct WantsMachine {
  model::RunId run_id;
  std::string user;
  model::Limits limits;
  int tried = 0;        // machines made for it whose worker never called home
  std::string waiting;  // as tell_waiting said
};

// A machine to be made. The store sets made_at, boot_until and life_until, by its own clock.
struct Intent {
  model::Machine machine;
  std::string keeper;                // the process that has it in its care
  std::chrono::microseconds care{};  // for so long, without another word of it
  std::chrono::microseconds boot{};  // until its worker must have called home
  std::chrono::microseconds life{};  // until it must be gone
};

// A machine with what becomes of its run.
struct KeptMachine {
  model::Machine machine;
  model::RunStatus run_status = model::RunStatus::queued;
  int run_attempt = 0;
  bool silent = false;    // boot_until is over, and its worker has not called home
  bool outlived = false;  // life_until is over
  // Whether the run is still this machine's business: it waits for it, or its worker has it.
  bool wanted() const {
    if (machine.state == model::MachineState::working) {
      return run_status == model::RunStatus::running && run_attempt == machine.attempt;
    }
    return run_status == model::RunStatus::queued;
  }
};

// From one state to another, by the process that has the machine in its care.
struct MachineChange {
  model::MachineId id;
  std::string keeper;
  model::MachineState from = model::MachineState::intended;
  model::MachineState to = model::MachineState::intended;
  std::optional<std::string> parts{};  // absent: as they are
  std::optional<std::string> said{};
};

// A part that a placer told, which no live machine owns and which could not be removed.
struct Leftover {
  std::string placer;
  std::string kind;
  std::string zone;
  std::string id;
  std::string machine;      // "" when it carries none
  std::string said;         // why it could not be removed, as its placer told
  base::TimePoint since{};  // set by the store: when that was first seen
};

// How the parts of one placer were last compared with the machines.
struct Reaping {
  std::string placer;
  std::optional<base::TimePoint> done_at{};  // all of them were
  std::string trouble;                       // why the last time they were not; "" when they were
  std::optional<base::TimePoint> since{};    // and since when that is so
  base::TimePoint begun_at{};                // when somebody began to last
};

// What became of one comparison.
struct Reaped {
  std::string placer;
  std::string keeper;
  std::string trouble;         // why the parts could not be told; "" when they were
  std::vector<Leftover> left;  // all there are; not looked at when there was trouble
};

// Machines that are not gone, newest first.
struct MachinePage {
  std::vector<model::Machine> items;
  std::string next;     // "" on the last
  base::TimePoint now;  // by the store's clock, as are the machines' times
};

class Machines {
 public:
  virtual ~Machines() = default;

  // Oldest first, those whose pause is over.
  virtual awaitable<Result<std::vector<WantsMachine>>> wanted(int limit) = 0;
  // Notes the intent to make a machine. False when its run does not want one (any more): then
  // nothing was written.
  virtual awaitable<Result<bool>> intend(Intent intent) = 0;
  // Takes care of all that are not gone and in nobody's care, goes on with its own, and tells them.
  virtual awaitable<Result<std::vector<KeptMachine>>> keep(std::string keeper,
                                                           std::chrono::microseconds care) = 0;
  // Takes all that are not gone into `keeper`'s care, whoever had them, and lets no other one's
  // reaping be in the way: for a store whose other processes are known to be dead.
  virtual awaitable<Result<void>> take_over(std::string keeper, std::chrono::microseconds care) = 0;
  // Compare-and-set: false when the machine is not in `from`, or in another one's care.
  virtual awaitable<Result<bool>> change(MachineChange change) = 0;
  // All that are not gone.
  virtual awaitable<Result<std::vector<model::Machine>>> left() = 0;
  // The same, page by page, as the lists of store.h.
  virtual awaitable<Result<MachinePage>> page(PageRequest page) = 0;
  // Nothing, too, as soon as a working machine's run is its no more: it has ended, or waits again.
  virtual awaitable<Result<std::optional<model::Machine>>> by_token(std::string token_hash) = 0;
  // The claim of a worker that calls home: its machine, placing or booting, becomes working, and
  // the machine's run running, as the next attempt. `taker` (which the worker has made up) may ask
  // again, and gets the same job. Nothing when another one has it, or the run is not queued.
  virtual awaitable<Result<std::optional<model::Job>>> take_job(
      model::MachineId id, std::string taker, std::chrono::microseconds lease) = 0;
  // Why a queued run waits, for who looks at it. Nothing when it is not queued.
  virtual awaitable<Result<void>> tell_waiting(model::RunId id, std::string why) = 0;
  // Fails a queued run of that backend. False when it is not queued any more.
  virtual awaitable<Result<bool>> give_up(model::RunId id, model::Failure why) = 0;
  // Whether any machine is not gone, or any run of the backend dedicated_instance has not ended.
  virtual awaitable<Result<bool>> any_left() = 0;
  // Running runs of the backend dedicated_instance whose lease is over. At most `limit`.
  virtual awaitable<Result<std::vector<Lease>>> dead_at_home(int limit) = 0;
  // Each running run of that backend may be claimed no sooner than `lease` from now: for a store
  // that was away, when nobody could extend one.
  virtual awaitable<Result<void>> renew_at_home(std::chrono::microseconds lease) = 0;

  // ---- the reaper's part
  // Whether `keeper` may compare the parts of a placer now, for `lease` at most: nobody else does,
  // and nobody began to within `pause`.
  virtual awaitable<Result<bool>> begin_reaping(std::string placer, std::string keeper,
                                                std::chrono::microseconds lease,
                                                std::chrono::microseconds pause) = 0;
  // Goes on with it for `lease` from now. False when another one has begun since, or may have.
  virtual awaitable<Result<bool>> renew_reaping(std::string placer, std::string keeper,
                                                std::chrono::microseconds lease) = 0;
  // Nothing when another one has begun since.
  virtual awaitable<Result<void>> end_reaping(Reaped reaped) = 0;
  virtual awaitable<Result<std::vector<Reaping>>> reapings() = 0;
  // Those that are there for longest first.
  virtual awaitable<Result<std::vector<Leftover>>> leftovers() = 0;
  // Forgets a placer, by its name or by that of what it lists, that nobody uses any more: how it
  // was compared, what it left over, its machines that are being removed. False when nothing is
  // known of it; conflict while a machine of it may be at work.
  virtual awaitable<Result<bool>> forget_placer(std::string placer) = 0;
};

}  // namespace mecapy::store
