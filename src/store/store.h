// The store: every task, version, run and idempotency key. It is the truth; the queue can be
// rebuilt from it at any time.
//
// Rules that hold for every implementation (contract_*_test.cc run them all against each):
//  - A write that answered success survives kill -9 of this process and loss of power, except
//    claim, extend_leases and a requeue to queued, which survive kill -9 only: losing one of them
//    to a power cut costs a repeated attempt, never a run. A claim outlives the death of a database
//    that is a process of its own, too.
//  - Each call is one transaction: it happens as a whole or not at all.
//  - Rows of another user are not_found, as if they did not exist.
//  - Strings that are JSON (inputs, results) are kept byte for byte. Zero characters in a log or in
//    the words of a failure come back as U+FFFD.
//  - Failures of the database itself are ErrorCode::storage, and say nothing of its content: what
//    was to be written may be there, or not.
//  - An id that is there already is conflict.
//  - All times are by one clock, the database's (PostgreSQL's server, or the one that a store of
//    one process was given), however the clocks of the processes that use it differ.
// Thread-safe. No call blocks the calling executor: each suspends and resumes on the executor it
// was awaited on. A call that has begun is finished, even when nobody waits for it any more. The
// executors must outlive the store.
//
// Beware: GCC 12 destroys an aggregate twice that is made within the expression of a co_await, as
// in "co_await store.record_end({id, attempt}, end)". Give the aggregates below names of their own
// first, and co_await with those.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "model/run.h"
#include "model/task.h"
#include "store/calls.h"
#include "store/costs.h"
#include "store/machines.h"
#include "store/workflows.h"

namespace mecapy::store {

using boost::asio::awaitable;

// Absent fields stay as they are. Any of code, inputs, limits makes a new version.
struct TaskChange {
  std::optional<std::string> name{};
  std::optional<std::string> description{};
  std::optional<std::vector<std::string>> tags{};
  std::optional<std::optional<double>> estimated_duration_s{};  // nothing inside: taken away
  std::optional<std::optional<double>> cache_ttl_s{};           // the same
  std::optional<std::string> code{};
  std::optional<std::string> inputs{};
  std::optional<model::Limits> limits{};
};

// A run that may answer another one.
struct CacheQuery {
  std::string cache_key;
  std::string environment;
  std::chrono::microseconds age{};  // it ended no longer ago
  // Only one of this element, of this attempt of the workflow run or a later one; also one that was
  // taken up from a checkpoint.
  std::optional<model::NodePlace> of{};
};

struct RunFilter {
  std::optional<model::TaskId> task_id{};
  std::optional<model::RunStatus> status{};
  // Only those of this workflow run's nodes; an empty id: only those of none.
  std::optional<model::WorkflowRunId> workflow_run{};
};

// A claim held by this process.
struct Lease {
  model::RunId run_id;
  int attempt = 0;
};

// What extend_leases found: leases no longer held, and held ones whose cancel was asked for.
struct LeaseReport {
  std::vector<model::RunId> lost;
  std::vector<model::RunId> cancel_requested;
};

struct Requeue {
  Lease lease;
  model::Failure failure;             // the platform's fault, kept visible on the run
  std::chrono::microseconds pause{};  // backoff: not to be claimed before it is over
};

// A queued run as the reconciler sees it.
struct QueuedRun {
  model::RunId run_id;
  std::chrono::microseconds pause{};  // until it may be claimed; none is left when it may
};

// The keys of the objects that are a run's own: not of those it has from the run that answered it.
struct RunObjects {
  model::RunId run_id;
  bool ended = false;  // it will never refer to others
  std::vector<std::string> keys{};
};

// Connections to the database.
struct Connections {
  std::size_t busy = 0;
  std::size_t idle = 0;
  std::size_t absent = 0;   // made when a request needs them
  std::size_t waiting = 0;  // requests that wait for one
};

class Store {
 public:
  virtual ~Store() = default;

  // ---- tasks. The caller fills id, user, name, code ...; the store sets version.number to 1 and
  // the times. With an Idempotency used before for the same request: that task. For another
  // request: idempotency_mismatch.
  virtual awaitable<Result<Created<model::Task>>> create_task(model::Task task,
                                                              std::optional<Idempotency> key) = 0;
  // What an earlier create_task with `key` made; nothing when there was none, and
  // idempotency_mismatch when that request was another one.
  virtual awaitable<Result<std::optional<model::Task>>> task_made_by(std::string user,
                                                                     Idempotency key) = 0;
  // not_found for unknown, deleted or another user's; `version` absent means the latest.
  virtual awaitable<Result<model::Task>> get_task(std::string user, model::TaskId id,
                                                  std::optional<int> version) = 0;
  // Without deleted and ad-hoc tasks. Tasks as listed hold no code and no inputs.
  virtual awaitable<Result<Page<model::Task>>> list_tasks(std::string user, PageRequest page) = 0;
  virtual awaitable<Result<model::Task>> update_task(std::string user, model::TaskId id,
                                                     TaskChange change) = 0;
  // Hides the task; its runs stay readable, and queued and running ones go on.
  virtual awaitable<Result<void>> delete_task(std::string user, model::TaskId id) = 0;

  // ---- runs. The caller fills id, task_id, user, version, inputs and cache_key; the store sets
  // status queued and queued_at. not_found when the task is not this user's or is deleted.
  // With cached_from filled, the run has ended at once, as that one did: inputs, result, log and
  // artifacts are read from there, and what the caller says of them is not kept. not_found when
  // that is no run of this user's that was calculated and completed. No row that another one reads
  // from can be removed: the database refuses it.
  // With a budget, budget_exhausted when the owner has spent it, or has it in runs that have not
  // ended, or this run would go beyond it: of submits at the same time, each sees the ones before.
  virtual awaitable<Result<Created<model::Run>>> submit_run(model::Run run,
                                                            std::optional<Idempotency> key,
                                                            std::optional<Budget> budget = {}) = 0;
  // A task and its first run in one transaction.
  virtual awaitable<Result<Created<model::Run>>> submit_ad_hoc(
      model::Task task, model::Run run, std::optional<Idempotency> key,
      std::optional<Budget> budget = {}) = 0;
  // The latest completed and calculated run of the user that the query is about, if there is one.
  virtual awaitable<Result<std::optional<model::Run>>> cached_run(std::string user,
                                                                  CacheQuery query) = 0;
  // What an earlier submit with `key` made; otherwise as task_made_by.
  virtual awaitable<Result<std::optional<model::Run>>> run_made_by(std::string user,
                                                                   Idempotency key) = 0;
  virtual awaitable<Result<model::Run>> get_run(std::string user, model::RunId id) = 0;
  // Also of a deleted task. not_found when the task is not this user's; an empty optional when it
  // never ran.
  virtual awaitable<Result<std::optional<model::Run>>> latest_run(std::string user,
                                                                  model::TaskId id) = 0;
  // Runs as listed hold no inputs, results, logs, artifacts or tracebacks.
  virtual awaitable<Result<Page<model::Run>>> list_runs(std::string user, RunFilter filter,
                                                        PageRequest page) = 0;
  // What runs cost, in sums. The store was opened with a pricing, by which it keeps what a run
  // costs in the transaction that records the end of an attempt, or that a machine is gone.
  virtual awaitable<Result<CostsPage>> costs(CostsQuery query) = 0;
  // How long the newest completed and calculated runs of a version took, newest first.
  virtual awaitable<Result<std::vector<std::chrono::microseconds>>> durations(model::TaskId task,
                                                                              int version,
                                                                              int limit) = 0;
  // A queued run becomes cancelled at once; a running one gets cancel_requested; an ended one is
  // conflict. Answers the run as it is afterwards.
  virtual awaitable<Result<model::Run>> request_cancel(std::string user, model::RunId id) = 0;

  // ---- the dispatcher's part: runs of every backend but dedicated_instance
  // Compare-and-set queued -> running: raises attempt, sets claimant and lease, started_at on the
  // first attempt. Nothing when the run is not queued, or its backoff is not over. One that broke
  // off as it was committed is looked for once, before it is told as failed.
  virtual awaitable<Result<std::optional<model::Job>>> claim(model::RunId id, std::string claimant,
                                                             std::chrono::microseconds lease) = 0;
  virtual awaitable<Result<LeaseReport>> extend_leases(std::string claimant,
                                                       std::vector<Lease> leases,
                                                       std::chrono::microseconds lease) = 0;
  // Records the end when `lease` is the run's current attempt and it is running. False when it is
  // not: then nothing was written. `committed` is called on the caller's executor before the
  // answer, once Workflows::run_ends can read what was written, if anything was, though a power cut
  // could still take it; not by every database.
  virtual awaitable<Result<bool>> record_end(Lease lease, model::RunEnd end,
                                             std::function<void()> committed = {}) = 0;
  // What the holder of the attempt saved, as of now; what it saved before is forgotten. The object
  // that nobody needs any more: that of the one before, or the new one's where the attempt is not
  // the holder's, or has saved a later one; nothing where there is none. Safe to repeat.
  virtual awaitable<Result<std::optional<std::string>>> keep_checkpoint(
      Lease lease, model::Checkpoint checkpoint) = 0;
  // The holder could not begin with what it was given: its run begins anew. The object that nobody
  // needs any more.
  virtual awaitable<Result<std::optional<std::string>>> drop_checkpoint(Lease lease) = 0;
  // running -> queued for the holder of the attempt, or -> cancelled when a cancel was asked for:
  // which of them. Nothing when it is not the holder.
  virtual awaitable<Result<std::optional<model::RunStatus>>> requeue(Requeue request) = 0;
  // running -> queued, of the backend dedicated_instance, for the holder of the attempt. False when
  // it is not the holder, a cancel was asked for, or the run was moved before.
  virtual awaitable<Result<bool>> move(Lease lease, model::Failure why) = 0;
  // running -> cancelled for the holder of the attempt when a cancel was asked for. False when none
  // was, or it is not the holder: then nothing was written.
  virtual awaitable<Result<bool>> end_cancelled(Lease lease) = 0;
  // Running runs whose lease is over, or, with `also_not_of` set, which belong to any
  // other claimant (a store with one owner knows at its start that they are dead). At most `limit`.
  // Without those that a transaction of another process changes: their lease may be a new one, and
  // who waited for one that stands still would leave all others dead.
  virtual awaitable<Result<std::vector<Lease>>> dead_leases(std::optional<std::string> also_not_of,
                                                            int limit) = 0;
  // Queued runs in the order they were accepted, after run id `after`.
  virtual awaitable<Result<std::vector<QueuedRun>>> queued_runs(std::string after, int limit) = 0;
  // ---- the part of machines: runs of the backend dedicated_instance
  virtual Machines& machines() = 0;
  // ---- workflows, and their runs
  virtual Workflows& workflows() = 0;

  // Of the runs among `ids` that there are, whoever's they are.
  virtual awaitable<Result<std::vector<RunObjects>>> run_objects(std::vector<model::RunId> ids) = 0;

  // A secret that all processes on this database have and nobody else: 64 hexadecimal digits, made
  // once.
  virtual awaitable<Result<std::string>> shared_secret() = 0;

  // The name by which all that is made elsewhere for this database is told from others': 16
  // hexadecimal digits, made once; a copy of the database has the same. With `name` it is that from
  // now on, and when it was another one, the machines there were are left to that: none of them is
  // looked after here any more.
  virtual awaitable<Result<std::string>> installation(std::string name) = 0;

  // How busy the connections are now; asks nobody.
  virtual Connections connections() const = 0;
  // Answers when the database answers a query: for readiness.
  virtual awaitable<Result<void>> ping() = 0;
  // Forgets idempotency keys that are older than `age`.
  virtual awaitable<Result<void>> prune_idempotency(std::chrono::microseconds age) = 0;
};

// Opens (creating it, mode 0600) the SQLite database `path`, migrates it, and starts one writer
// thread that groups the waiting writes into one commit, and a few reader threads. One process at a
// time owns a database: a second one is conflict ("in use by another mecapy serve"). `on_migration`
// is told, on this thread, before the database is brought to another schema, which may take long.
Result<std::unique_ptr<Store>> open_sqlite(const std::string& path,
                                           std::shared_ptr<const base::Clock> clock,
                                           const std::function<void()>& on_migration = {},
                                           CostRules costs = {});

// What the server itself ends.
struct StatementLimits {
  std::chrono::milliseconds statement{8'000};  // 0: never
  std::chrono::milliseconds lock{5'000};       // waited for
};

struct PostgresOptions {
  std::string url;  // postgresql://..., as libpq takes it
  int connections = 8;
  std::chrono::milliseconds patience{5'000};  // for a database that is away, before a call fails
  StatementLimits limits{};                   // once the database has its schema
  std::chrono::milliseconds give_up{12'000};  // on one that does not answer: above limits.statement
  // Told, on a thread of the store, why the database cannot be reached; nothing when it can again.
  std::function<void(std::optional<std::string>)> on_change{};
  // As of open_sqlite; also before another process is waited for, which does it.
  std::function<void()> on_migration{};
  CostRules costs{};
};

// Opens the PostgreSQL database at options.url (version 15 or later) and migrates it; several
// processes may do so at once, and use it together. usage for a URL that is none, or that asks for
// less than sslmode=verify-full from a server on another machine.
Result<std::unique_ptr<Store>> open_postgres(PostgresOptions options);

}  // namespace mecapy::store
