#include "clouds/slurm.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/thread_pool.hpp>
#include <charconv>
#include <cstdlib>
#include <map>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "base/id.h"
#include "base/offload.h"
#include "base/own_folder.h"
#include "base/utf8.h"
#include "clouds/program.h"
#include "clouds/slurm_folder.h"
#include "clouds/slurm_words.h"

namespace mecapy::clouds {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kShown = 400;           // bytes of what Slurm said
constexpr std::size_t kMostOutput = 4 << 20;  // a list of some 40,000 jobs

std::string path_variable() {
  const char* path = ::getenv("PATH");
  return path != nullptr && *path != '\0' ? path : "/usr/local/bin:/usr/bin:/bin";
}

// Where PATH has `program`; "" when nowhere.
std::string on_path(const std::string& program) {
  std::istringstream folders(path_variable());
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string path = folder + "/" + program;
    struct stat info {};
    if (folder.starts_with('/') && ::access(path.c_str(), X_OK) == 0 &&
        ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      return path;
    }
  }
  return {};
}

// All that Slurm's programs see. Times come as seconds since 1970.
std::vector<std::string> environment() {
  std::vector<std::string> all = {"PATH=" + path_variable(), "LC_ALL=C", "SLURM_TIME_FORMAT=%s"};
  if (const char* conf = ::getenv("SLURM_CONF")) all.push_back(std::string("SLURM_CONF=") + conf);
  return all;
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, by);) parts.push_back(std::move(part));
  return parts;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

constexpr std::string_view kJob = "job ";  // and the number: what is saved as parts

// What squeue is asked for, and tells of one job.
constexpr std::string_view kQueueFormat = "--format=%i|%j|%T|%V";
struct Queued {
  std::string id;
  std::string machine;
  std::string state;
  std::optional<base::TimePoint> made;
};

class SlurmPlacer final : public Placer {
 public:
  explicit SlurmPlacer(SlurmOptions options)
      : options_(std::move(options)),
        folder_(options_.folder + "/" + options_.installation),
        prefix_("mecapy-" + options_.installation + "-"),
        offers_(slurm_offers(options_)) {}

  std::string_view name() const override { return "slurm"; }
  const std::vector<Offer>& offers() const override { return offers_; }
  std::chrono::seconds queue() const override { return options_.queue; }

  awaitable<Answer<Done>> place(Order order, Save save, base::Deadline deadline) override {
    if (!base::is_uuid(order.machine)) {
      co_return Refusal{Trouble::refused, "no machine's name: " + order.machine};
    }
    if (!co_await save("folder")) co_return Refusal{Trouble::passing, "it could not be noted"};
    auto made = co_await base::offload<void>(
        files_, deadline, [this, &order] { return folder_.make(order.machine, order.token); });
    if (!made) co_return Refusal{Trouble::refused, made.error().message};
    auto answer = co_await call(submission(order), deadline);
    if (const auto* refusal = std::get_if<Refusal>(&answer)) co_return *refusal;
    // "ID", or "ID;CLUSTER".
    const std::string id =
        std::get<std::string>(answer).substr(0, std::get<std::string>(answer).find_first_of(";\n"));
    if (!is_number(id)) {
      co_return Refusal{Trouble::unknown, "sbatch told no job's number: " + base::one_line(id, 80)};
    }
    if (!co_await save(std::string(kJob) + id)) {
      co_return Refusal{Trouble::passing, "job " + id + " could not be noted"};
    }
    co_return Done{};
  }

  awaitable<Answer<Sight>> look(std::string machine, std::string parts,
                                base::Deadline deadline) override {
    std::string id = parts.starts_with(kJob) ? parts.substr(kJob.size()) : "";
    if (id.empty()) {
      auto named = co_await queued({"--states=all", "--name=" + prefix_ + machine}, deadline);
      if (const auto* refusal = std::get_if<Refusal>(&named)) co_return *refusal;
      const auto& jobs = std::get<std::vector<Queued>>(named);
      if (!jobs.empty()) id = jobs.back().id;
    }
    if (is_number(id)) {
      auto told = co_await tell(id, deadline);
      if (const auto* refusal = std::get_if<Refusal>(&told)) co_return *refusal;
      const auto& job = std::get<std::optional<SlurmJob>>(told);
      // Numbers are used again once Slurm has counted to the last of them.
      if (job && job->name == prefix_ + machine) co_return co_await with_last_words(*job, machine);
      if (auto sight = co_await from_accounting(id, machine, deadline)) co_return *sight;
    }
    co_return co_await from_folder(machine);
  }

  awaitable<Answer<bool>> destroy(std::string machine, std::string,
                                  base::Deadline deadline) override {
    auto named = co_await queued({"--name=" + prefix_ + machine}, deadline);
    if (const auto* refusal = std::get_if<Refusal>(&named)) co_return *refusal;
    const auto& jobs = std::get<std::vector<Queued>>(named);
    if (!jobs.empty()) co_return co_await cancel(jobs, machine, deadline);
    leaving_.erase(machine);
    auto removed = co_await base::offload<void>(
        files_, deadline, [this, machine] { return folder_.remove(machine); });
    if (!removed) co_return Refusal{Trouble::passing, removed.error().message};
    co_return true;
  }

  awaitable<Answer<std::vector<Found>>> list(base::Deadline deadline) override {
    auto mine = co_await queued({}, deadline);
    if (const auto* refusal = std::get_if<Refusal>(&mine)) co_return *refusal;
    std::vector<Found> found;
    for (const Queued& job : std::get<std::vector<Queued>>(mine)) {
      if (job.machine.empty()) continue;
      found.push_back({job.machine, "job", job.id, "", job.state, job.made});
    }
    auto folders = co_await base::offload<std::vector<std::string>>(
        files_, deadline, [this] { return folder_.all(); });
    if (!folders) co_return Refusal{Trouble::passing, folders.error().message};
    for (const std::string& machine : *folders) {
      found.push_back({machine, "folder", folder_.of(machine), "", "", {}});
    }
    co_return found;
  }

  awaitable<Answer<bool>> remove(Found part, base::Deadline deadline) override {
    leaving_[part.machine] = {};
    co_return co_await destroy(part.machine, "", deadline);
  }

 private:
  std::vector<std::string> submission(const Order& order) const {
    const std::int64_t memory = order.memory_mb > 0 ? order.memory_mb : options_.memory_mb;
    const auto life = order.life > options_.queue ? order.life - options_.queue : order.life;
    std::vector<std::string> words = {"sbatch",
                                      "--parsable",
                                      "--no-requeue",
                                      "--export=ALL",
                                      "--nodes=1",
                                      "--ntasks=1",
                                      "--job-name=" + prefix_ + order.machine,
                                      "--chdir=/",
                                      "--output=" + folder_.output(order.machine),
                                      "--cpus-per-task=" + std::to_string(std::max(1, order.cpus)),
                                      "--mem=" + std::to_string(memory + options_.beside_mb) + "M",
                                      "--time=" + slurm_minutes(life)};
    const std::pair<std::string_view, const std::string&> wishes[] = {
        {"--partition=", options_.partition},
        {"--account=", options_.account},
        {"--constraint=", options_.constraint}};
    for (const auto& [option, value] : wishes) {
      if (!value.empty()) words.push_back(std::string(option) + value);
    }
    if (order.gpus > 0) words.push_back("--gres=gpu:" + std::to_string(order.gpus));
    words.insert(words.end(),
                 {folder_.script(order.machine), folder_.of(order.machine), options_.worker,
                  order.home_url, std::to_string(order.gpus), options_.config});
    return words;
  }

  // What the program says; a refusal when it fails.
  awaitable<Answer<std::string>> call(std::vector<std::string> words, base::Deadline deadline) {
    const std::string name = words[0];
    words[0] = on_path(name);
    if (words[0].empty()) co_return Refusal{Trouble::refused, name + " is not on PATH"};
    auto ran = co_await run_program({std::move(words), environment(), kMostOutput}, deadline);
    if (!ran) {
      const bool late = ran.error().code == ErrorCode::deadline_exceeded;
      co_return Refusal{late ? Trouble::unknown : Trouble::passing, ran.error().message};
    }
    if (ran->status != 0) {
      co_return Refusal{slurm_trouble(ran->err),
                        name + ": " + base::one_line(ran->err + ran->out, kShown)};
    }
    if (!ran->whole) co_return Refusal{Trouble::unknown, name + " said too much"};
    co_return std::move(ran->out);
  }

  // Jobs of this user, as squeue has them; those that are not ours have no machine.
  awaitable<Answer<std::vector<Queued>>> queued(std::vector<std::string> more,
                                                base::Deadline deadline) {
    std::vector<std::string> words = {"squeue", "--me", "--noheader", std::string(kQueueFormat)};
    words.insert(words.end(), more.begin(), more.end());
    auto answer = co_await call(std::move(words), deadline);
    if (const auto* refusal = std::get_if<Refusal>(&answer)) co_return *refusal;
    std::vector<Queued> jobs;
    for (const std::string& line : split(std::get<std::string>(answer), '\n')) {
      const auto fields = split(line, '|');
      if (fields.size() != 4 || !is_number(fields[0])) continue;
      Queued job{fields[0], "", fields[2], {}};
      std::string machine = fields[1].starts_with(prefix_) ? fields[1].substr(prefix_.size()) : "";
      if (base::is_uuid(machine)) job.machine = std::move(machine);
      std::int64_t made = 0;
      const auto read =
          std::from_chars(fields[3].data(), fields[3].data() + fields[3].size(), made);
      if (read.ec == std::errc{}) job.made = base::TimePoint(std::chrono::seconds(made));
      jobs.push_back(std::move(job));
    }
    co_return jobs;
  }

  // Nothing when slurmctld does not know the job, or not any more (MinJobAge).
  awaitable<Answer<std::optional<SlurmJob>>> tell(const std::string& id, base::Deadline deadline) {
    auto answer = co_await call({"scontrol", "--oneliner", "show", "job", id}, deadline);
    if (const auto* refusal = std::get_if<Refusal>(&answer)) {
      if (refusal->message.find("Invalid job id") == std::string::npos) co_return *refusal;
      co_return std::optional<SlurmJob>();
    }
    co_return read_slurm_job(std::get<std::string>(answer));
  }

  // The accounting's word, where there is one and it knows the job.
  awaitable<std::optional<Sight>> from_accounting(const std::string& id, const std::string& machine,
                                                  base::Deadline deadline) {
    auto answer = co_await call({"sacct", "--noheader", "--parsable2", "--allocations",
                                 "--format=JobName%120,State%40,ExitCode", "--jobs=" + id},
                                deadline);
    if (std::holds_alternative<Refusal>(answer)) co_return std::nullopt;
    for (const std::string& line : split(std::get<std::string>(answer), '\n')) {
      const auto fields = split(line, '|');
      if (fields.size() != 3 || fields[0] != prefix_ + machine) continue;
      // "CANCELLED by 1000"
      co_return slurm_sight(
          {id, fields[0], fields[1].substr(0, fields[1].find(' ')), "", fields[2]});
    }
    co_return std::nullopt;
  }

  // What the job's script wrote down, when nobody else knows of the job.
  awaitable<Answer<Sight>> from_folder(const std::string& machine) {
    auto status = co_await base::offload<std::optional<int>>(
        files_, base::after(kFiles),
        [this, machine]() -> Result<std::optional<int>> { return folder_.exit_status(machine); });
    if (!status) co_return Refusal{Trouble::passing, status.error().message};
    if (!*status) co_return Sight{Phase::absent, "Slurm knows no such job", {}};
    co_return Sight{Phase::over, "its worker ended with " + std::to_string(**status),
                    model::OutcomeCode::worker_lost};
  }

  // A job that has ended is nothing any more once its folder is gone. Why the worker ended by
  // itself is in what it said last.
  awaitable<Answer<Sight>> with_last_words(const SlurmJob& job, const std::string& machine) {
    Sight sight = slurm_sight(job);
    if (sight.phase != Phase::over) co_return sight;
    auto kept = co_await base::offload<std::optional<std::string>>(
        files_, base::after(kFiles), [this, machine]() -> Result<std::optional<std::string>> {
          if (!folder_.has(machine)) return std::optional<std::string>();
          return std::optional(folder_.last_said(machine));
        });
    if (kept && !*kept) sight.phase = Phase::absent;
    if (kept && *kept && !(*kept)->empty() && job.state == "FAILED") sight.said += ": " + **kept;
    co_return sight;
  }

  // A worker that is at work is given the time to leave by itself, so that its job is told as
  // completed; Slurm then sends SIGTERM to all of the job, and after its KillWait SIGKILL.
  awaitable<Answer<bool>> cancel(const std::vector<Queued>& jobs, const std::string& machine,
                                 base::Deadline deadline) {
    const auto patience = leaving_.try_emplace(machine, base::after(options_.leave)).first->second;
    const bool waits = std::chrono::steady_clock::now() < patience;
    std::vector<std::string> words = {"scancel"};
    for (const Queued& job : jobs) {
      if (job.state == "COMPLETING" || (job.state == "RUNNING" && waits)) continue;
      words.push_back(job.id);
    }
    if (words.size() == 1) co_return false;
    auto answer = co_await call(std::move(words), deadline);
    if (const auto* refusal = std::get_if<Refusal>(&answer)) co_return *refusal;
    co_return false;
  }

  static constexpr std::chrono::seconds kFiles{10};

  SlurmOptions options_;
  SlurmFolder folder_;
  std::string prefix_;
  std::vector<Offer> offers_;
  std::unordered_map<std::string, base::Deadline> leaving_;  // when a machine's job is cancelled
  asio::thread_pool files_{1};
};

Result<void> check_path(std::string_view what, const std::string& path) {
  if (path.starts_with('/') && path.find_first_of(" \t\r\n%\\") == std::string::npos) return {};
  return fail(ErrorCode::usage, std::string(what) +
                                    ": give an absolute path without spaces, '%' "
                                    "and '\\': " +
                                    path);
}

}  // namespace

Result<void> check_slurm(const SlurmOptions& options) {
  for (const char* program : {"sbatch", "squeue", "scontrol", "scancel"}) {
    if (!on_path(program).empty()) continue;
    return fail(ErrorCode::usage, std::string("machines.placers: slurm needs ") + program +
                                      ", which is not on PATH: install Slurm's client programs "
                                      "here (Debian: slurm-client)");
  }
  if (auto fine = check_path("machines.slurm_folder", options.folder); !fine) return fine;
  if (auto fine = check_path("machines.slurm_worker", options.worker); !fine) return fine;
  if (!options.config.empty()) {
    if (auto fine = check_path("machines.slurm_config", options.config); !fine) return fine;
  }
  if (::getpwuid(::geteuid()) == nullptr) {
    return fail(ErrorCode::usage,
                "machines.placers: Slurm runs jobs of users that it knows by name, and user " +
                    std::to_string(::geteuid()) +
                    ", who serves, has none: make a user with this number here and on all of the "
                    "cluster, or give the data folder to one that is");
  }
  if (auto own = base::check_own_folder(options.folder); !own) {
    return fail(ErrorCode::usage, "machines.slurm_folder: " + own.error().message);
  }
  if (::access(options.folder.c_str(), R_OK | W_OK | X_OK) != 0) {
    return fail(ErrorCode::usage, "machines.slurm_folder: " + options.folder +
                                      " may not be written by user " + std::to_string(::geteuid()) +
                                      ", who serves");
  }
  return {};
}

std::vector<Offer> slurm_offers(const SlurmOptions& options) {
  std::vector<Offer> offers = {{"job", "", options.cpus, options.memory_mb, 0}};
  if (options.gpus > 0) {
    offers.push_back({"job with GPUs", "", options.cpus, options.memory_mb, options.gpus});
  }
  return offers;
}

std::unique_ptr<Placer> make_slurm(SlurmOptions options) {
  return std::make_unique<SlurmPlacer>(std::move(options));
}

}  // namespace mecapy::clouds
