#include "store/sql_store.h"

#include <utility>

#include "base/id.h"
#include "store/checkpoint_sql.h"
#include "store/column.h"
#include "store/costs_sql.h"
#include "store/dispatch_sql.h"
#include "store/end_sql.h"
#include "store/idempotency_sql.h"
#include "store/machine_sql.h"
#include "store/object_sql.h"
#include "store/reap_sql.h"
#include "store/requests.h"
#include "store/run_sql.h"
#include "store/secret_sql.h"
#include "store/task_sql.h"
#include "store/workflow_store.h"

namespace mecapy::store {
namespace {

constexpr Sql kPing = "SELECT COUNT(*) FROM schema_migrations";

using Key = std::optional<Idempotency>;
using model::Job;
using model::Run;
using model::Task;

class SqlStore final : public Store, private Machines {
 public:
  SqlStore(std::unique_ptr<Database> database, CostRules costs)
      : costs_(std::move(costs)), database_(std::move(database)) {}

  awaitable<Result<Created<Task>>> create_task(Task task, Key key) override {
    return write<Created<Task>>([task = std::move(task), key = std::move(key)](Connection& c) {
      return store::create_task(c, c.now(), task, key);
    });
  }
  awaitable<Result<std::optional<Task>>> task_made_by(std::string user, Idempotency key) override {
    return read<std::optional<Task>>([user = std::move(user), key = std::move(key)](Connection& c) {
      return store::task_made_by(c, user, key);
    });
  }
  awaitable<Result<Task>> get_task(std::string user, model::TaskId id,
                                   std::optional<int> version) override {
    return read<Task>([user = std::move(user), id = std::move(id), version](Connection& c) {
      return store::get_task(c, user, id, version);
    });
  }
  awaitable<Result<Page<Task>>> list_tasks(std::string user, PageRequest page) override {
    return read<Page<Task>>([user = std::move(user), page = std::move(page)](Connection& c) {
      return store::list_tasks(c, user, page);
    });
  }
  awaitable<Result<Task>> update_task(std::string user, model::TaskId id,
                                      TaskChange change) override {
    return write<Task>(
        [user = std::move(user), id = std::move(id), change = std::move(change)](Connection& c) {
          return store::update_task(c, c.now(), user, id, change);
        });
  }
  awaitable<Result<void>> delete_task(std::string user, model::TaskId id) override {
    return write<void>([user = std::move(user), id = std::move(id)](Connection& c) {
      return store::delete_task(c, c.now(), user, id);
    });
  }

  awaitable<Result<Created<Run>>> submit_run(Run run, Key key,
                                             std::optional<Budget> budget) override {
    return write<Created<Run>>(
        [run = std::move(run), terms = SubmitTerms{std::move(key), budget, costs_}](Connection& c) {
          return store::submit_run(c, c.now(), run, terms);
        });
  }
  awaitable<Result<Created<Run>>> submit_ad_hoc(Task task, Run run, Key key,
                                                std::optional<Budget> budget) override {
    return write<Created<Run>>(
        [task = std::move(task), run = std::move(run),
         terms = SubmitTerms{std::move(key), budget, costs_}](Connection& c) {
          return store::submit_ad_hoc(c, c.now(), task, run, terms);
        });
  }
  awaitable<Result<std::optional<Run>>> cached_run(std::string user, CacheQuery query) override {
    return read<std::optional<Run>>(
        [user = std::move(user), query = std::move(query)](Connection& c) {
          return store::cached_run(c, c.now(), user, query);
        },
        Reads::committed);
  }
  awaitable<Result<std::optional<Run>>> run_made_by(std::string user, Idempotency key) override {
    return read<std::optional<Run>>([user = std::move(user), key = std::move(key)](Connection& c) {
      return store::run_made_by(c, user, key);
    });
  }
  awaitable<Result<Run>> get_run(std::string user, model::RunId id) override {
    return read<Run>([user = std::move(user), id = std::move(id)](Connection& c) {
      return store::get_run(c, user, id);
    });
  }
  awaitable<Result<std::optional<Run>>> latest_run(std::string user, model::TaskId id) override {
    return read<std::optional<Run>>([user = std::move(user), id = std::move(id)](Connection& c) {
      return store::latest_run(c, user, id);
    });
  }
  awaitable<Result<Page<Run>>> list_runs(std::string user, RunFilter filter,
                                         PageRequest page) override {
    return read<Page<Run>>([user = std::move(user), filter = std::move(filter),
                            page = std::move(page)](Connection& c) {
      return store::list_runs(c, user, filter, page);
    });
  }
  awaitable<Result<std::vector<std::chrono::microseconds>>> durations(model::TaskId task,
                                                                      int version,
                                                                      int limit) override {
    return read<std::vector<std::chrono::microseconds>>(
        [task = std::move(task), version, limit](Connection& c) {
          return store::durations(c, task, version, limit);
        });
  }
  awaitable<Result<Run>> request_cancel(std::string user, model::RunId id) override {
    return write<Run>([this, user = std::move(user), id = std::move(id)](Connection& c) {
      return store::request_cancel(c, c.now(), user, id, costs_);
    });
  }
  awaitable<Result<CostsPage>> costs(CostsQuery query) override {
    return read<CostsPage>(
        [query = std::move(query)](Connection& c) { return store::costs(c, query); });
  }

  awaitable<Result<std::optional<Job>>> claim(model::RunId id, std::string claimant,
                                              std::chrono::microseconds lease) override {
    const Claim wanted{std::move(id), std::move(claimant), lease};
    const auto job = std::make_shared<std::optional<Job>>();
    // The number of an attempt is never given twice: who was given it may still be at work.
    const auto claimed = co_await write<void>(
        [wanted, job](Connection& c) -> Result<void> {
          job->reset();
          auto given = store::claim(c, c.now(), wanted);
          if (!given) return given.error();
          *job = std::move(*given);
          return {};
        },
        Durability::database_death);
    if (!claimed && *job) {  // without an answer to its commit it may be there
      const auto held = co_await write<bool>(
          [wanted, attempt = (*job)->attempt](Connection& c) -> Result<bool> {
            return store::is_held(c, c.now(), wanted, attempt);
          },
          Durability::process_death);
      if (held && *held) co_return std::move(*job);
    }
    if (!claimed) co_return claimed.error();
    co_return std::move(*job);
  }
  awaitable<Result<LeaseReport>> extend_leases(std::string claimant, std::vector<Lease> leases,
                                               std::chrono::microseconds lease) override {
    return write<LeaseReport>(
        [claimant = std::move(claimant), leases = std::move(leases), lease](Connection& c) {
          return store::extend_leases(c, c.now(), claimant, leases, lease);
        },
        Durability::process_death);
  }
  awaitable<Result<bool>> record_end(Lease lease, model::RunEnd end,
                                     std::function<void()> committed) override {
    return requests_.write<bool>(
        [this, lease = std::move(lease), end = std::move(end)](Connection& c) {
          return store::record_end(c, c.now(), lease, end, costs_);
        },
        Durability::power_loss, std::move(committed));
  }
  awaitable<Result<std::optional<model::RunStatus>>> requeue(Requeue request) override {
    const Lease lease = request.lease;
    const auto queued = co_await write<bool>(
        [this, request = std::move(request)](Connection& c) -> Result<bool> {
          return store::requeue(c, c.now(), request, costs_);
        },
        Durability::process_death);
    if (!queued) co_return queued.error();
    if (*queued) co_return std::optional(model::RunStatus::queued);
    // Nothing takes back that a cancel was asked for.
    const auto cancelled = co_await end_cancelled(lease);
    if (!cancelled) co_return cancelled.error();
    if (*cancelled) co_return std::optional(model::RunStatus::cancelled);
    co_return std::optional<model::RunStatus>();
  }
  awaitable<Result<bool>> move(Lease lease, model::Failure why) override {
    return write<bool>(
        [this, lease = std::move(lease), why = std::move(why)](Connection& c) -> Result<bool> {
          return store::move(c, c.now(), lease, why, costs_);
        });
  }
  awaitable<Result<bool>> end_cancelled(Lease lease) override {
    return write<bool>([this, lease = std::move(lease)](Connection& c) -> Result<bool> {
      return store::end_cancelled(c, c.now(), lease, costs_);
    });
  }
  awaitable<Result<std::vector<Lease>>> dead_leases(std::optional<std::string> also_not_of,
                                                    int limit) override {
    return write<std::vector<Lease>>(
        [also_not_of = std::move(also_not_of), limit](Connection& c) {
          return store::dead_leases(c, c.now(), also_not_of, limit);
        },
        Durability::process_death);
  }
  awaitable<Result<std::vector<QueuedRun>>> queued_runs(std::string after, int limit) override {
    return read<std::vector<QueuedRun>>([after = std::move(after), limit](Connection& c) {
      return store::queued_runs(c, c.now(), after, limit);
    });
  }

  Workflows& workflows() override { return *workflows_; }
  Machines& machines() override { return *this; }
  awaitable<Result<std::vector<WantsMachine>>> wanted(int limit) override {
    return read<std::vector<WantsMachine>>(
        [limit](Connection& c) { return machines_wanted(c, c.now(), limit); });
  }
  awaitable<Result<bool>> intend(Intent intent) override {
    return write<bool>(
        [intent = std::move(intent)](Connection& c) { return intend_machine(c, c.now(), intent); });
  }
  awaitable<Result<std::vector<KeptMachine>>> keep(std::string keeper,
                                                   std::chrono::microseconds care) override {
    return write<std::vector<KeptMachine>>(
        [keeper = std::move(keeper), care](Connection& c) {
          return keep_machines(c, c.now(), keeper, care);
        },
        Durability::process_death);
  }
  awaitable<Result<void>> take_over(std::string keeper, std::chrono::microseconds care) override {
    return write<void>(
        [keeper = std::move(keeper), care](Connection& c) -> Result<void> {
          store::take_over(c, c.now(), keeper, care);
          forget_reapers(c);
          return {};
        },
        Durability::process_death);
  }
  awaitable<Result<bool>> change(MachineChange change) override {
    return write<bool>([this, change = std::move(change)](Connection& c) {
      return change_machine(c, c.now(), change, costs_);
    });
  }
  awaitable<Result<std::vector<model::Machine>>> left() override {
    return read<std::vector<model::Machine>>([](Connection& c) { return machines_left(c); });
  }
  awaitable<Result<MachinePage>> page(PageRequest page) override {
    return read<MachinePage>(
        [page = std::move(page)](Connection& c) { return store::machine_page(c, c.now(), page); });
  }
  awaitable<Result<std::optional<model::Machine>>> by_token(std::string token_hash) override {
    return read<std::optional<model::Machine>>(
        [hash = std::move(token_hash)](Connection& c) { return machine_by_token(c, hash); });
  }
  awaitable<Result<std::optional<Job>>> take_job(model::MachineId id, std::string taker,
                                                 std::chrono::microseconds lease) override {
    return write<std::optional<Job>>(
        [id = std::move(id), taker = std::move(taker), lease](Connection& c) {
          return store::take_job(c, c.now(), id, taker, lease);
        },
        Durability::database_death);
  }
  awaitable<Result<void>> tell_waiting(model::RunId id, std::string why) override {
    return write<void>(
        [id = std::move(id), why = std::move(why)](Connection& c) -> Result<void> {
          store::tell_waiting(c, id, why);
          return {};
        },
        Durability::process_death);
  }
  awaitable<Result<bool>> give_up(model::RunId id, model::Failure why) override {
    return write<bool>(
        [this, id = std::move(id), why = std::move(why)](Connection& c) -> Result<bool> {
          return store::give_up(c, c.now(), id, why, costs_);
        });
  }
  awaitable<Result<bool>> any_left() override {
    return read<bool>([](Connection& c) -> Result<bool> { return any_machine_left(c); });
  }
  awaitable<Result<std::vector<Lease>>> dead_at_home(int limit) override {
    return read<std::vector<Lease>>(
        [limit](Connection& c) { return store::dead_at_home(c, c.now(), limit); });
  }
  awaitable<Result<void>> renew_at_home(std::chrono::microseconds lease) override {
    return write<void>(
        [lease](Connection& c) -> Result<void> {
          store::renew_at_home(c, c.now(), lease);
          return {};
        },
        Durability::process_death);
  }

  awaitable<Result<bool>> begin_reaping(std::string placer, std::string keeper,
                                        std::chrono::microseconds lease,
                                        std::chrono::microseconds pause) override {
    return write<bool>(
        [placer = std::move(placer), keeper = std::move(keeper), lease,
         pause](Connection& c) -> Result<bool> {
          return store::begin_reaping(c, c.now(), placer, keeper, lease, pause);
        },
        Durability::process_death);
  }
  awaitable<Result<bool>> renew_reaping(std::string placer, std::string keeper,
                                        std::chrono::microseconds lease) override {
    return write<bool>(
        [placer = std::move(placer), keeper = std::move(keeper), lease](Connection& c)
            -> Result<bool> { return store::renew_reaping(c, c.now(), placer, keeper, lease); },
        Durability::process_death);
  }
  awaitable<Result<void>> end_reaping(Reaped reaped) override {
    return write<void>([reaped = std::move(reaped)](Connection& c) -> Result<void> {
      store::end_reaping(c, c.now(), reaped);
      return {};
    });
  }
  awaitable<Result<bool>> forget_placer(std::string placer) override {
    return write<bool>([this, placer = std::move(placer)](Connection& c) -> Result<bool> {
      auto left = store::leave_machines_of(c, c.now(), costs_, placer);
      if (!left) return left.error();
      return store::forget_reaping(c, placer) || *left > 0;
    });
  }
  awaitable<Result<std::vector<Reaping>>> reapings() override {
    return read<std::vector<Reaping>>([](Connection& c) { return store::reapings(c); });
  }
  awaitable<Result<std::vector<Leftover>>> leftovers() override {
    return read<std::vector<Leftover>>([](Connection& c) { return store::leftovers(c); });
  }
  awaitable<Result<std::optional<std::string>>> keep_checkpoint(
      Lease lease, model::Checkpoint checkpoint) override {
    return write<std::optional<std::string>>(
        [lease = std::move(lease),
         checkpoint = std::move(checkpoint)](Connection& c) -> Result<std::optional<std::string>> {
          return store::keep_checkpoint(c, c.now(), lease, checkpoint);
        });
  }
  awaitable<Result<std::optional<std::string>>> drop_checkpoint(Lease lease) override {
    return write<std::optional<std::string>>(
        [lease = std::move(lease)](Connection& c) -> Result<std::optional<std::string>> {
          return store::drop_checkpoint(c, lease);
        });
  }

  awaitable<Result<std::vector<RunObjects>>> run_objects(std::vector<model::RunId> ids) override {
    return read<std::vector<RunObjects>>(
        [ids = std::move(ids)](Connection& c) { return store::run_objects(c, ids); });
  }

  awaitable<Result<std::string>> shared_secret() override {
    return write<std::string>([proposed = base::random_hex(32)](Connection& c) {
      return store::shared_secret(c, proposed);
    });
  }

  awaitable<Result<std::string>> installation(std::string name) override {
    return write<std::string>(
        [name = std::move(name), proposed = base::random_hex(8)](Connection& c) {
          return store::installation(c, c.now(), name, proposed);
        });
  }

  Connections connections() const override { return database_->connections(); }
  awaitable<Result<void>> ping() override {
    return read<void>([](Connection& c) -> Result<void> {
      int migrations = 0;
      c.one_row(kPing, soci::into(migrations));
      return {};
    });
  }
  awaitable<Result<void>> prune_idempotency(std::chrono::microseconds age) override {
    return write<void>([age](Connection& c) -> Result<void> {
      prune_keys(c, c.now() - age);
      return {};
    });
  }

 private:
  template <class T, class Work>
  awaitable<Result<T>> write(Work work, Durability durability = Durability::power_loss) {
    return requests_.write<T>(std::move(work), durability);
  }
  template <class T, class Work>
  awaitable<Result<T>> read(Work work, Reads reads = Reads::durable) {
    return requests_.read<T>(std::move(work), reads);
  }

  CostRules costs_;  // used by its threads
  std::unique_ptr<Database> database_;
  Requests requests_{*database_};
  std::unique_ptr<Workflows> workflows_ = make_sql_workflows(*database_, costs_);
};

}  // namespace

std::unique_ptr<Store> make_sql_store(std::unique_ptr<Database> database, CostRules costs) {
  return std::make_unique<SqlStore>(std::move(database), std::move(costs));
}

}  // namespace mecapy::store
