// How fast the SQLite store is on this machine: submits a second with 1 and 16 callers, and the
// latency of each step of a run. Build it beside the library and run it on the disk in question:
//   store_bench FOLDER [RUNS]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "store/store.h"
#include "store/test_await.h"

namespace mecapy::store {
namespace {

using Clock = std::chrono::steady_clock;

model::Run run_of(const model::Task& task) {
  model::Run run;
  run.id = model::RunId::make();
  run.task_id = task.id;
  run.user = task.user;
  run.inputs.inline_bytes = R"({"x": 1.5, "n": 3})";
  return run;
}

class Latencies {
 public:
  explicit Latencies(const char* step) : step_(step) {}
  ~Latencies() {
    std::ranges::sort(us_);
    std::printf("%-12s p50 %7.0f us   p99 %7.0f us   (%zu calls)\n", step_, us_[us_.size() / 2],
                us_[us_.size() * 99 / 100], us_.size());
  }
  template <class T>
  awaitable<T> time(awaitable<T> call) {
    const auto start = Clock::now();
    T answer = co_await std::move(call);
    us_.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    co_return answer;
  }

 private:
  const char* step_;
  std::vector<double> us_;
};

awaitable<int> submit_many(Store& store, const model::Task& task, int n) {
  for (int i = 0; i < n; ++i) (co_await store.submit_run(run_of(task), std::nullopt)).value();
  co_return n;
}

void submits(Store& store, const model::Task& task, int callers, int runs) {
  std::vector<awaitable<int>> calls;
  for (int i = 0; i < callers; ++i) calls.push_back(submit_many(store, task, runs / callers));
  const auto start = Clock::now();
  await_all(std::move(calls));
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("submits      %d callers: %.0f a second\n", callers, runs / seconds);
}

struct Steps {
  Latencies submit{"submit"}, claim{"claim"}, end{"record_end"}, get{"get_run"};
};

awaitable<int> whole_runs(Store& store, const model::Task& task, Steps& steps, int n) {
  model::RunEnd ended;
  ended.status = model::RunStatus::completed;
  ended.result.inline_bytes = R"({"y": 2.25})";
  for (int i = 0; i < n; ++i) {
    const model::Run run = run_of(task);
    (co_await steps.submit.time(store.submit_run(run, std::nullopt))).value();
    const auto until = base::SystemClock().now() + std::chrono::seconds(30);
    const auto job = (co_await steps.claim.time(store.claim(run.id, "bench", until))).value();
    const Lease lease{run.id, job->attempt};
    (co_await steps.end.time(store.record_end(lease, ended))).value();
    (co_await steps.get.time(store.get_run(task.user, run.id))).value();
  }
  co_return n;
}

// Whole runs by `callers` at once, and what each of their calls took.
void throughput(Store& store, const model::Task& task, int callers, int runs) {
  Steps steps;
  std::vector<awaitable<int>> calls;
  for (int i = 0; i < callers; ++i) calls.push_back(whole_runs(store, task, steps, runs / callers));
  const auto start = Clock::now();
  await_all(std::move(calls));
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("whole runs   %d callers: %.0f a second\n", callers, runs / seconds);
}

int bench(const std::string& folder, int runs) {
  const std::string path = (std::filesystem::path(folder) / "bench.db").string();
  const auto store = std::move(open_sqlite(path, std::make_shared<base::SystemClock>()).value());
  model::Task task;
  task.id = model::TaskId::make();
  task.user = "ann";
  task.version.code = "def calculate(inputs):\n    return inputs\n";
  await(store->create_task(task, std::nullopt)).value();
  for (const int callers : {1, 16}) submits(*store, task, callers, runs);
  for (const int callers : {1, 16}) throughput(*store, task, callers, runs);
  return 0;
}

}  // namespace
}  // namespace mecapy::store

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  return mecapy::store::bench(argv[1], argc > 2 ? std::atoi(argv[2]) : 2000);
}
