// What PostgreSQL's store makes of rows that a transaction of another process holds. On the server
// of tools/services.sh.
#include <gtest/gtest.h>

#include "base/test_await.h"
#include "store/store.h"
#include "store/test_postgres.h"
#include "store/test_run.h"

namespace mecapy::store {
namespace {

using base::await;

// The lease of a run's first attempt, which is over.
Lease dead_lease(Store& store) {
  const TestRun made = test_run();
  EXPECT_TRUE(await(store.submit_ad_hoc(made.task, made.run, std::nullopt, std::nullopt)));
  EXPECT_TRUE(await(store.claim(made.run.id, "stopped", std::chrono::microseconds(1))));
  return {made.run.id, 1};
}

// As a process does that stands still while it records the end of `one`.
TEST(PostgresLocks, RunThatAStoppedProcessHasLocked_HoldsUpNoOtherDeadRun) {
  const TestSchema schema;
  PostgresOptions options;
  options.url = schema.url();
  options.connections = 2;
  const auto store = open_postgres(options).value();
  const Lease one = dead_lease(*store);
  const Lease other = dead_lease(*store);
  {
    auto stopped = schema.session();
    soci::transaction amid(stopped);
    stopped << "UPDATE runs SET status = 'completed' WHERE id = '" + one.run_id.str() + "'";
    const auto dead = await(store->dead_leases(std::nullopt, 10)).value();
    ASSERT_EQ(dead.size(), 1U);
    EXPECT_EQ(dead[0].run_id, other.run_id);
    Requeue request{other, {.code = model::OutcomeCode::worker_lost}, {}};
    EXPECT_EQ(await(store->requeue(std::move(request))).value(), model::RunStatus::queued);
  }
  const auto dead = await(store->dead_leases(std::nullopt, 10)).value();
  ASSERT_EQ(dead.size(), 1U);  // it was rolled back
  EXPECT_EQ(dead[0].run_id, one.run_id);
}

}  // namespace
}  // namespace mecapy::store
