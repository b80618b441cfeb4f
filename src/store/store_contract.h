// The tests every store must pass. An implementation gives its factory:
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreContract, testing::Values(StoreFactory{...}));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/test_await.h"
#include "store/store.h"

namespace mecapy::store {

using base::await;
using base::await_all;

struct StoreUnderTest {
  std::shared_ptr<Store> store;  // what it stands on goes with it
  // Sets the database's clock, which stands still otherwise.
  std::function<void(base::TimePoint)> set_time;
  // Ends the store, has its owner's shell execute the statements, and opens another on what is
  // there.
  std::function<std::shared_ptr<Store>(const std::vector<std::string>& statements)> reopen;
};

struct StoreFactory {
  std::string name;
  // An empty store of its own for each call.
  std::function<StoreUnderTest()> make;
};

inline std::ostream& operator<<(std::ostream& out, const StoreFactory& factory) {
  return out << factory.name;
}

// A store at 2026-01-01, and the usual steps of a run for the user "ann".
class StoreContract : public testing::TestWithParam<StoreFactory> {
 protected:
  StoreContract();

  // A task of `user` as a caller fills it.
  static model::Task task_of(const std::string& user);
  // A run of `task` as a caller fills it.
  static model::Run run_of(const model::Task& task);
  static Idempotency key_of(const std::string& key, const std::string& hash);
  static model::RunEnd completed(const std::string& result);
  static model::RunEnd failed(model::OutcomeCode code);

  base::TimePoint now() const { return now_; }
  void advance(std::chrono::microseconds d) {
    now_ += d;
    set_time_(now_);
  }

  // Each of these must succeed.
  model::Task create(const model::Task& task);
  model::Run submit(const model::Task& task);
  model::Job claim(const model::RunId& id, const std::string& claimant = "serve-1");
  model::Run get(const model::RunId& id);
  // A run of ann's with this cache key that has ended so.
  model::Run ended_run(const std::string& cache_key, const model::RunEnd& end);
  // What cached_run finds.
  std::optional<model::Run> cached(const std::string& user, const std::string& cache_key,
                                   const std::string& environment,
                                   std::chrono::microseconds age = std::chrono::hours(1));
  // A submitted, claimed run of a new task, and its lease.
  Lease running();

  base::TimePoint now_;
  std::function<void(base::TimePoint)> set_time_;
  std::function<std::shared_ptr<Store>(const std::vector<std::string>&)> reopen_;
  std::shared_ptr<Store> store_;
};

struct Answered {
  model::RunId origin;
  model::RunId answered;
};
// A completed run of ann's with one artifact, and one that it answers.
Answered answer_one(Store& store);

// By what the stores of these tests keep costs: a second of a CPU costs a cent, an hour of a
// machine 3 EUR, and a machine of the type "new" nobody knows what. Bytes in objects cost 1 EUR
// each GB.
CostRules test_costs();

// What takes the newest schema back to number 3, where an answered run has a copy of all it shows.
std::vector<std::string> back_to_3();

}  // namespace mecapy::store
