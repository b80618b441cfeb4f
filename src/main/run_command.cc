// `mecapy run`: one calculation, now, in the sandbox, no server. The work is done by a child that
// gives root up; the parent prints, and puts artifacts where the caller wants them.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/id.h"
#include "cli/advice.h"
#include "cli/ending.h"
#include "cli/inputs.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "client/answers.h"
#include "main/before_run.h"
#include "main/commands.h"
#include "main/complain.h"
#include "main/data_folder.h"
#include "main/outcome.h"
#include "main/process.h"
#include "wire/json.h"
#include "wire/worker_json.h"
#include "worker/runner.h"

namespace mecapy::main {
namespace {

namespace fs = std::filesystem;
namespace asio = boost::asio;

// A folder of its own that is gone afterwards.
class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "mecapy-run-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Scratch() {
    std::error_code ec;
    if (!path_.empty()) fs::remove_all(path_, ec);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Writes what happens as the worker's lines into a pipe.
class PipeSink final : public worker::Sink {
 public:
  explicit PipeSink(std::FILE* out) : out_(out) {}
  void started() override { write(wire::started_line()); }
  void log(std::string_view text) override { write(wire::log_line(text)); }
  void progress(std::string_view json) override { write(wire::progress_line(json)); }
  void write(const std::string& line) {
    std::fwrite(line.data(), 1, line.size(), out_);
    std::fflush(out_);
  }

 private:
  std::FILE* out_;
};

// What the child is given.
struct ChildWork {
  sandbox::Options sandbox;
  uid_t uid;            // to become
  std::string scratch;  // folder for the objects
  worker::Attempt attempt;
};

// In the child: sandbox, drop root, run, tell.
int run_in_child(ChildWork work, std::FILE* out) {
  const pid_t parent = ::getppid();
  auto sandbox = sandbox::launch(work.sandbox);
  if (!sandbox) return complain(sandbox.error());
  if (auto dropped = become(work.uid); !dropped) return complain(dropped.error());
  die_with(parent);  // again: the change of user has forgotten it
  ignore_broken_pipes();
  auto objects = objects::open_folder(DataFolder{work.scratch}.objects());
  if (!objects) return complain(objects.error());
  asio::io_context io{1};
  bool lost = false;
  worker::RunnerOptions runner_options;
  runner_options.inline_limit = 1LL << 40;  // everything but artifacts comes through the pipe
  runner_options.largest_zygote = sandbox::ZygoteKind::numpy;
  asio::thread_pool threads{1};
  worker::Runner runner(io, threads, std::move(*sandbox), **objects, runner_options, [&] {
    lost = true;
    io.stop();
  });
  PipeSink sink(out);
  worker::Runner::Stop stop;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        const model::RunEnd end = co_await runner.run(std::move(work.attempt), sink, stop);
        sink.write(wire::end_line(end));
        io.stop();
      },
      asio::detached);
  io.run();
  return lost ? base::row(ErrorCode::sandbox).exit_code : 0;
}

// Copies the object `key` to `target`. The folder belongs to the child's user: no link in it is
// followed, and nothing outside it is read.
bool copy_object(const std::string& folder, const std::string& key, const fs::path& target) {
  const base::Fd root(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const base::Fd from(
      static_cast<int>(::syscall(SYS_openat2, root.get(), key.c_str(), &how, sizeof how)));
  struct stat info {};
  if (!from || ::fstat(from.get(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  std::ofstream to(target, std::ios::binary | std::ios::trunc);
  std::vector<char> chunk(256 * 1024);
  for (ssize_t n; (n = ::read(from.get(), chunk.data(), chunk.size())) != 0;) {
    if (n < 0 || !to.write(chunk.data(), n)) return false;
  }
  return static_cast<bool>(to.flush());
}

int keep_artifacts(const model::RunEnd& end, const std::string& scratch,
                   const std::string& output) {
  int status = 0;
  for (const model::Artifact& artifact : end.artifacts) {
    if (output.empty()) {
      std::fputs(
          cli::artifact_text(artifact.name, artifact.size, "--output FOLDER keeps it").c_str(),
          stderr);
      continue;
    }
    std::error_code ec;
    const fs::path target = fs::path(output) / artifact.name;
    fs::create_directories(target.parent_path(), ec);
    if (!copy_object(DataFolder{scratch}.objects(), artifact.key, target)) {
      status = complain(fail(ErrorCode::storage, "cannot keep " + target.string()));
      continue;
    }
    std::fprintf(stderr, "mecapy: kept %s\n", cli::harmless_line(target.string(), 1000).c_str());
  }
  return status;
}

// What the parent knows of the run that its child does.
struct Followed {
  const RunStart& start;
  std::string scratch;
  cli::RunAsked asked;
};

int finish(const model::RunEnd& end, const Followed& run) {
  std::fputs(cli::usage_text(end.usage).c_str(), stderr);
  const int kept = keep_artifacts(end, run.scratch, run.start.output);
  if (end.failure) {
    const std::string text = cli::failure_text(*end.failure, run.start.file) +
                             cli::failure_advice(*end.failure, run.asked);
    std::fputs(text.c_str(), stderr);
    return model::row(end.failure->code).exit_code;
  }
  print_result(end.result.inline_bytes, run.start.format);
  return kept;
}

void print_progress(const std::string& json) {
  std::fprintf(stderr, "mecapy: progress %s\n", cli::harmless_json(json).c_str());
}

// What is seen of the run while it goes on: its log, and on a terminal its progress at the bottom.
class Watcher {
 public:
  explicit Watcher(std::string file) : file_(std::move(file)) {}
  void log(const std::string& said) {
    const std::string text = cli::with_file_in_warnings(said, file_);
    line_.clear();
    screen_.write(screen_.is_terminal() ? cli::harmless(text) : text);
    if (!text.empty()) at_line_start_ = text.ends_with('\n') || text.ends_with('\r');
    draw();
  }
  void progress(const std::string& json) {
    if (!screen_.is_terminal()) return print_progress(json);
    const client::Progress told = client::read_progress(json);
    progress_ = "running" + cli::progress_text(told.fraction, told.message);
    draw();
  }
  void clear() { line_.clear(); }

 private:
  void draw() {
    if (at_line_start_ && !progress_.empty()) line_.show(progress_);
  }

  const std::string file_;
  const cli::Screen screen_{stderr};
  cli::ProgressLine line_{screen_};
  std::string progress_;
  bool at_line_start_ = true;
};

// Reads the child's lines to the end; the exit status when it told one.
std::optional<int> follow(std::FILE* in, const Followed& run) {
  char* text = nullptr;
  std::size_t capacity = 0;
  std::optional<int> status;
  Watcher watcher(run.start.file);
  for (ssize_t n; (n = ::getline(&text, &capacity, in)) > 0;) {
    const std::string_view line(text, static_cast<std::size_t>(n) - (text[n - 1] == '\n' ? 1 : 0));
    const auto event = wire::read_worker_line(line);
    if (!event) continue;
    if (event->type == wire::WorkerLine::Type::log) watcher.log(event->text);
    if (event->type == wire::WorkerLine::Type::progress) watcher.progress(event->text);
    if (event->type == wire::WorkerLine::Type::end) {
      watcher.clear();
      status = finish(event->end, run);
    }
  }
  std::free(text);
  return status;
}

// Ctrl-C and SIGTERM end the child, and with it the run; the parent then cleans up.
volatile std::sig_atomic_t interrupted_by = 0;
volatile pid_t child_to_end = -1;

void on_signal(int signal) {
  interrupted_by = signal;
  ::kill(child_to_end, SIGKILL);
}

void end_on_signal(pid_t child) {
  child_to_end = child;
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
}

Result<worker::Attempt> read_attempt(const config::Settings& settings, const RunStart& start) {
  auto code = cli::read_code(start.file);
  if (!code) return code.error();
  auto inputs = cli::read_inputs(start.inputs);
  if (!inputs) return inputs.error();
  auto limits = cli::read_limits(start.limits, model::lower_to(model::Limits{}, settings.ceilings));
  if (!limits) return limits.error();
  *limits = model::bound_cpu(*limits, settings.ceilings);
  if (auto fit = model::check_limits(*limits, settings.ceilings); !fit) return fit.error();
  warn_of_inputs(start.inputs);
  worker::Attempt attempt;
  attempt.run_id = base::make_uuid7();
  attempt.code = std::move(*code);
  attempt.inputs.inline_bytes = std::move(*inputs);
  attempt.limits = *limits;
  return attempt;
}

// Who has a mecapy.toml here, and saw `mecapy config` show it, thinks that it counts.
std::string of_unread_file(const RunStart& start) {
  if (!start.config_file.empty() || ::access("mecapy.toml", F_OK) != 0) return "";
  return "; ./mecapy.toml was not read: --config mecapy.toml takes it";
}

// Of a limit over its ceiling, with the setting that is the ceiling here.
int complain_of_start(const Error& error, const RunStart& start) {
  const int status = complain(error);
  for (const FieldProblem& problem : error.problems) {
    if (!is_over_a_ceiling(problem)) continue;
    const std::string name = "limits.max_" + problem.pointer.substr(problem.pointer.rfind('/') + 1);
    const auto setting =
        std::ranges::find(config::setting_table(), name, &config::SettingRow::name);
    if (setting == config::setting_table().end()) continue;
    std::fprintf(stderr, "  -> mecapy config shows the ceilings; %s=N raises this one%s\n",
                 setting->environment().c_str(), of_unread_file(start).c_str());
  }
  return status;
}

// Starts the child, prints what it tells, cleans up after it; the exit status.
int run_and_follow(ChildWork work, const Followed& run) {
  auto pipe = make_pipe();
  if (!pipe) return complain(pipe.error());
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return complain(fail(ErrorCode::internal, "fork failed"));
  if (pid == 0) {
    die_with(parent);
    pipe->read.reset();
    const int status = run_in_child(std::move(work), ::fdopen(pipe->write.release(), "w"));
    std::fflush(nullptr);
    ::_exit(status);
  }
  pipe->write.reset();
  end_on_signal(pid);
  std::FILE* in = ::fdopen(pipe->read.release(), "r");
  const auto told = follow(in, run);
  std::fclose(in);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (interrupted_by != 0) return 128 + interrupted_by;
  if (told) return *told;
  return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status)
                                                       : base::row(ErrorCode::internal).exit_code;
}

}  // namespace

int run_file(const config::Settings& settings, const RunStart& start) {
  if (auto fine = check_standard_input(start.file, start.inputs); !fine)
    return complain(fine.error());
  auto attempt = read_attempt(settings, start);
  if (!attempt) return complain_of_start(attempt.error(), start);
  if (auto fine = check_output(start.output); !fine) return complain(fine.error());
  const Scratch scratch;
  const uid_t uid = ::geteuid() == 0 ? static_cast<uid_t>(settings.server_run_as_uid) : ::geteuid();
  if (scratch.path().empty() || ::chown(scratch.path().c_str(), uid, static_cast<gid_t>(-1)) != 0) {
    return complain(fail(ErrorCode::storage, "cannot make a temporary folder"));
  }
  const cli::RunAsked asked{
      cli::Place::here,  start.file,           "-l ", attempt->inputs.inline_bytes, attempt->limits,
      settings.ceilings, of_unread_file(start)};
  ChildWork work{sandbox_options(settings), uid, scratch.path(), std::move(*attempt)};
  work.sandbox.slots = 1;
  const Followed followed{start, scratch.path(), asked};
  return run_and_follow(std::move(work), followed);
}

}  // namespace mecapy::main
