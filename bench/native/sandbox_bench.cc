// sandbox_bench ROUNDS NUMPY.py FULL.py: measures the sandbox alone, and beside it plain forks of
// the same zygotes. Each round goes through every phase of the table below, so that what else the
// machine does falls on all of them alike. Raw figures go to stdout as JSON; bench.py judges them.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "cpu_time.h"
#include "front.h"
#include "plain_forks.h"
#include "sandbox/user_ids.h"

namespace mecapy::bench {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr int kSlots = 2;
constexpr std::uint32_t kUidBase = 200'000;
constexpr int kWarmUpRuns = 10;
constexpr int kMostWarmUps = 10;  // until the zygote of the whole stack has been started

enum class Place : std::uint8_t { sandbox, plain };

struct Phase {
  const char* name;  // in the answer
  Place place;
  sandbox::ZygoteKind kind;
  int runs;
  int in_flight;
};
constexpr auto kNumpy = sandbox::ZygoteKind::numpy;
constexpr auto kFull = sandbox::ZygoteKind::matplotlib;
constexpr Phase kPhases[] = {
    {"sandbox numpy", Place::sandbox, kNumpy, 300, 1},
    {"plain numpy", Place::plain, kNumpy, 300, 1},
    {"sandbox full", Place::sandbox, kFull, 150, 1},
    {"plain full", Place::plain, kFull, 150, 1},
    {"sandbox saturation", Place::sandbox, kNumpy, 500, kSlots},
    {"plain saturation", Place::plain, kNumpy, 500, kSlots},
};

// One kind of work, in the sandbox (both kinds share it) and in plain forks of a zygote of its own.
struct Subject {
  Work work{};
  std::unique_ptr<PlainForks> plain{};
};

struct Bench {
  sandbox::Options options{};
  std::unique_ptr<sandbox::Sandbox> sandbox{};
  std::array<Subject, sandbox::kZygoteKinds> subjects{};

  Subject& subject(sandbox::ZygoteKind kind) { return subjects[sandbox::index_of(kind)]; }
};

sandbox::Options options_here() {
  const fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
  sandbox::Options options;
  options.zygote_program = here / "mecapy-zygote";
  options.runtime_folder = here / "runtime";
  options.site_packages = here / "venv/lib/python3.11/site-packages";
  options.slots = kSlots;
  options.uid_base = kUidBase;
  return options;
}

std::string read_file(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

json::array layers_of(const sandbox::Options& options) {
  static constexpr const char* kStates[] = {"enforced", "refused", "missing", "undetermined"};
  json::array layers;
  for (const sandbox::Layer& layer : sandbox::probe_layers(options)) {
    layers.push_back({{"name", layer.name},
                      {"state", kStates[static_cast<std::size_t>(layer.state)]},
                      {"detail", layer.detail}});
  }
  return layers;
}

Result<void> launch_plain(Bench& bench, sandbox::ZygoteKind kind) {
  sandbox::Options options = bench.options;
  options.zygote_program =
      fs::path(bench.options.zygote_program).parent_path() / "plain_zygote_bench";
  static std::vector<sandbox::IdBlock> blocks;  // locked until the end of this process
  auto block = sandbox::claim_ids(options.uid_base, 1);
  if (!block) return block.error();
  options.uid_base = block->first;
  blocks.push_back(std::move(*block));
  auto plain = PlainForks::launch(options, kind);
  if (!plain) return plain.error();
  bench.subject(kind).plain = std::move(*plain);
  return {};
}

Result<void> launch_all(Bench& bench) {
  auto launched = sandbox::launch(bench.options);
  if (!launched) return launched.error();
  bench.sandbox = std::move(*launched);
  for (const auto kind : {kNumpy, kFull}) {
    if (const auto plain = launch_plain(bench, kind); !plain) return plain.error();
  }
  return {};
}

sandbox::Sandbox& place_of(Bench& bench, const Phase& phase) {
  if (phase.place == Place::sandbox) return *bench.sandbox;
  return *bench.subject(phase.kind).plain;
}

// Runs of a kind are at first done by a smaller zygote: their own has to be started.
Result<void> warm_up(Bench& bench, const Phase& phase) {
  for (int i = 0; i < kMostWarmUps; ++i) {
    const auto samples =
        run_all(place_of(bench, phase), bench.subject(phase.kind).work, kWarmUpRuns, 1);
    if (!samples) return samples.error();
    if (samples->back().ahead) return {};
  }
  return fail(ErrorCode::internal, std::string("no zygote has the imports of ") + phase.name);
}

json::object to_json(const Phase& phase, const std::vector<Sample>& samples) {
  json::object answer{
      {"phase", phase.name}, {"in_flight", phase.in_flight}, {"value", samples.front().value}};
  struct Column {
    const char* name;
    std::int64_t Sample::*field;
  };
  for (const Column& column :
       {Column{"first_line_us", &Sample::first_line_us}, Column{"total_us", &Sample::total_us},
        Column{"setup_us", &Sample::setup_us}, Column{"wall_us", &Sample::wall_us},
        Column{"cpu_us", &Sample::cpu_us}}) {
    json::array values;
    for (const Sample& sample : samples) values.push_back(sample.*column.field);
    answer[column.name] = std::move(values);
  }
  return answer;
}

Result<json::object> measure(Bench& bench, const Phase& phase) {
  const std::int64_t machine_before = machine_cpu_us();
  const std::int64_t front_before = own_cpu_us();
  const auto begin = std::chrono::steady_clock::now();
  const auto samples =
      run_all(place_of(bench, phase), bench.subject(phase.kind).work, phase.runs, phase.in_flight);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  if (!samples) return samples.error();
  const std::int64_t front_cpu = own_cpu_us() - front_before;
  const std::int64_t machine_cpu = machine_cpu_us() - machine_before;
  for (const Sample& sample : *samples) {
    if (!sample.ahead || sample.value != samples->front().value) {
      return fail(ErrorCode::internal, std::string("not the same work: ") + phase.name);
    }
  }
  json::object answer = to_json(phase, *samples);
  answer["seconds"] = took.count();
  answer["front_cpu_us"] = front_cpu;
  // Of everything that works for the runs but the front. What the kernel takes down when a sandbox
  // is over is counted for no process: so it is all there is, on a machine with nothing else to do.
  answer["place_cpu_us"] = machine_cpu - front_cpu;
  return answer;
}

Result<void> measure_all(Bench& bench, int rounds, json::object& answer) {
  for (const Phase& phase : kPhases) {
    if (const auto warm = warm_up(bench, phase); !warm) return warm.error();
  }
  json::array measured;
  for (int round = 0; round < rounds; ++round) {
    std::fprintf(stderr, "  the sandbox alone, round %d of %d ...\n", round + 1, rounds);
    for (const Phase& phase : kPhases) {
      auto found = measure(bench, phase);
      if (!found) return found.error();
      measured.push_back(std::move(*found));
    }
  }
  answer["slots"] = kSlots;
  answer["measured"] = std::move(measured);
  return {};
}

int run(int rounds, const char* numpy_file, const char* full_file) {
  Bench bench;
  bench.options = options_here();
  bench.subject(kNumpy).work = {read_file(numpy_file), kNumpy};
  bench.subject(kFull).work = {read_file(full_file), kFull};
  json::object answer;
  answer["layers"] = layers_of(bench.options);
  Result<void> done = launch_all(bench);
  if (done) done = measure_all(bench, rounds, answer);
  if (!done) {
    std::fprintf(stderr, "sandbox_bench: %s\n", done.error().message.c_str());
    return 1;
  }
  std::printf("%s\n", json::serialize(answer).c_str());
  return 0;
}

}  // namespace
}  // namespace mecapy::bench

int main(int count, char** arguments) {
  if (count != 4) {
    std::fputs("usage: sandbox_bench ROUNDS NUMPY.py FULL.py\n", stderr);
    return 2;
  }
  return mecapy::bench::run(std::atoi(arguments[1]), arguments[2], arguments[3]);
}
