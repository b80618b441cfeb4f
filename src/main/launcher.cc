#include "main/launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "main/child.h"
#include "main/commands.h"
#include "main/complain.h"
#include "main/data_folder.h"
#include "main/home_workers.h"
#include "main/orphans.h"
#include "main/parts.h"
#include "main/process.h"

namespace mecapy::main {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kStartDeadline{60};
constexpr std::chrono::hours kMigrationDeadline{6};  // each step takes as long as it takes
constexpr milliseconds kFirstPause{100};
constexpr milliseconds kLongestPause{5000};
constexpr std::chrono::seconds kYoung{10};  // a worker that dies before this age died young

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&set, signal);
  return set;
}

class Launcher {
 public:
  Launcher(const config::Settings& settings, uid_t uid, base::Fd documents)
      : settings_(settings),
        documents_(std::move(documents)),
        folder_{settings.data_dir},
        uid_(uid),
        local_worker_(!works_elsewhere(settings)) {}

  int run() {
    const sigset_t set = handled_signals();
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_ = base::Fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals_) return complain(fail(ErrorCode::internal, "no signalfd"));
    Orphans::adopt();
    auto channel = make_home_channel();
    if (!channel) return complain(channel.error());
    home_workers_.emplace(
        std::move(channel->launcher),
        [this](const std::string& machine, bool gpus) { exec_home_worker(machine, gpus); });
    home_ = std::move(channel->api);
    if (!local_worker_) {
      if (auto started = start_api(); !started) return complain(started.error());
    } else if (auto started = start_worker(); !started) {
      return complain(started.error());
    }
    if (const auto failed = wait_until_ready()) return end(*failed);
    announce();
    return watch();
  }

 private:
  Result<void> start_worker() {
    auto pipe = make_pipe();
    if (!pipe) return pipe.error();
    const pid_t pid = ::fork();
    if (pid < 0) return fail(ErrorCode::internal, std::string("fork: ") + std::strerror(errno));
    if (pid == 0) exec_worker(pipe->write.get());
    worker_.watch(pid, std::move(pipe->read), kStartDeadline);
    return {};
  }

  // In the child: the same program again, so that it starts with a clean memory.
  [[noreturn]] void exec_worker(int pulse) {
    become_child();
    hand_settings_over();
    ::fcntl(pulse, F_SETFD, 0);
    const std::string pulse_fd = std::to_string(pulse);
    const std::string run_as = std::to_string(uid_);
    const std::string socket = folder_.socket();
    // All settings but the API's secrets are in its environment; it reads no file for them.
    ::execl("/proc/self/exe", "mecapy", "worker", "--socket", socket.c_str(), "--data-dir",
            settings_.data_dir.c_str(), "--pulse-fd", pulse_fd.c_str(), "--run-as", run_as.c_str(),
            "--config", "/dev/null", static_cast<char*>(nullptr));
    ::_exit(127);
  }

  // In the child: a worker that takes one run from this server, for a machine of the placer local.
  [[noreturn]] void exec_home_worker(const std::string& machine, bool gpus) {
    become_child();
    hand_settings_over();
    const std::string devices = std::to_string(gpus ? settings_.machines_local_gpus : 0);
    ::setenv("MECAPY_WORKER_GPUS", devices.c_str(), 1);
    const std::string folder = folder_.machines() + "/" + machine;
    const std::string token = folder + "/token";
    const std::string run_as = std::to_string(uid_);
    const std::string home = local_home(settings_, port_);
    ::execl("/proc/self/exe", "mecapy", "worker", "--home", home.c_str(), "--token-file",
            token.c_str(), "--data-dir", folder.c_str(), "--run-as", run_as.c_str(),
            static_cast<char*>(nullptr));
    ::_exit(127);
  }

  Result<void> start_api() {
    auto pipe = make_pipe();
    if (!pipe) return pipe.error();
    const pid_t launcher = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return fail(ErrorCode::internal, std::string("fork: ") + std::strerror(errno));
    if (pid == 0) {
      become_child();
      signals_.reset();
      worker_.close();
      home_workers_->forget();
      pipe->read.reset();
      const auto dropped = become(uid_);
      if (!dropped) ::_exit(complain(dropped.error()));
      die_with(launcher);
      const int status =
          run_api(settings_, std::move(documents_), std::move(home_), std::move(pipe->write));
      std::fflush(nullptr);
      ::_exit(status);
    }
    home_.reset();
    api_.watch(pid, std::move(pipe->read), kStartDeadline);
    return {};
  }

  // The worker sees the settings in force, wherever they came from, but no secret of the API's.
  void hand_settings_over() const {
    forget_the_caller();
    for (const config::SettingRow& row : config::setting_table()) {
      const std::string variable = row.environment();
      if (row.secrecy == config::Secrecy::secret) {
        ::unsetenv(variable.c_str());
      } else {
        ::setenv(variable.c_str(), config::value_text(row, settings_).c_str(), 1);
      }
    }
  }

  static void become_child() {
    ::setpgid(0, 0);  // a Ctrl-C is the launcher's to handle
    const sigset_t set = handled_signals();
    ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
  }

  // Nothing when both are ready; else the exit status. The API process comes second: a machine that
  // cannot run calculations gets no database and no token.
  std::optional<int> wait_until_ready() {
    auto deadline = steady_clock::now() + kStartDeadline;
    bool worker_ready = !local_worker_;
    while (port_ == 0 || !worker_ready) {
      pollfd fds[3] = {{signals_.get(), POLLIN, 0},
                       {worker_ready ? -1 : worker_.pulse(), POLLIN, 0},
                       {port_ != 0 ? -1 : api_.pulse(), POLLIN, 0}};
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
      if (left.count() <= 0) {
        return complain(fail(ErrorCode::deadline_exceeded, "not ready in time"));
      }
      ::poll(fds, 3, static_cast<int>(left.count()));
      if ((fds[1].revents & POLLIN) != 0) worker_ready = !worker_.listen().empty();
      if (worker_ready && api_.pid() < 0) {
        if (auto started = start_api(); !started) return complain(started.error());
      }
      if ((fds[2].revents & POLLIN) != 0 && hear_port(api_.listen())) {
        deadline = steady_clock::now() + kMigrationDeadline;
      }
      if ((fds[0].revents & POLLIN) != 0) {
        if (const auto status = handle_signals_at_start()) return status;
      }
    }
    return std::nullopt;
  }

  std::optional<int> handle_signals_at_start() {
    if (drain_signals()) return 0;
    for (Child* child : {&worker_, &api_}) {
      if (const auto status = child->reap()) return *status == 0 ? 1 : *status;
    }
    return std::nullopt;
  }

  // "PORT", or "PORT WHY" when it listens and is not ready. True when there was kMigrating instead,
  // and is still to come.
  bool hear_port(std::string_view said) {
    bool migrating = false;
    while (said.starts_with(kMigrating)) {
      migrating = true;
      said.remove_prefix(kMigrating.size());
    }
    const std::string line(said.substr(0, said.find('\n')));
    port_ = std::atoi(line.c_str());
    if (const auto space = line.find(' '); space != std::string::npos)
      why_ = line.substr(space + 1);
    return migrating && port_ == 0;
  }

  void announce() {
    write_status();
    const std::string url = "http://" + settings_.server_host + ":" + std::to_string(port_);
    const std::string docs = url + "/docs";
    const std::string state = why_.empty() ? "MecaPy is ready" : "MecaPy listens";
    const std::string not_ready = why_.empty() ? "" : ", " + why_;
    const std::string there = documents_ ? docs : docs + "/contract (the guides: make docs)";
    base::announce(state + " at " + url + not_ready + "\ndocs:  " + there, state,
                   {{"url", url}, {"docs", docs}, {"why", why_}});
  }

  // serve.json tells the operator, and the tests, who is who.
  void write_status() {
    const std::string path = folder_.status();
    const std::string temporary = path + ".tmp";
    // The folder is another user's: nothing that lies there is followed or written into.
    ::unlink(temporary.c_str());
    const int fd =
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    std::FILE* file = fd < 0 ? nullptr : ::fdopen(fd, "w");
    if (file == nullptr) return;
    std::fprintf(file, "{\"pid\":%d,\"api_pid\":%d,\"worker_pid\":%d,\"port\":%d}\n", ::getpid(),
                 api_.pid(), worker_.pid(), port_);
    std::fclose(file);
    ::rename(temporary.c_str(), path.c_str());
  }

  int watch() {
    while (true) {
      pollfd fds[4] = {{signals_.get(), POLLIN, 0},
                       {worker_.pulse(), POLLIN, 0},
                       {api_.pulse(), POLLIN, 0},
                       {home_workers_->fd(), POLLIN, 0}};
      ::poll(fds, 4, next_look_in());
      if (fds[3].revents != 0) home_workers_->listen();
      home_workers_->reap();
      for (Child* child : {&worker_, &api_}) child->end_if_it_hangs();
      if (drain_signals()) {
        // A second Ctrl-C does not wait for running runs; a second SIGTERM changes nothing.
        ::kill(api_.pid(), interrupts_ > 1 ? SIGKILL : SIGTERM);
        stopping_ = true;
      }
      if (const auto status = api_.reap()) return end(*status);
      if (const auto status = worker_.reap()) {
        base::log_error("the worker died", {{"status", *status}});
        plan_restart();
      }
      tend_orphans();
      if (local_worker_ && worker_.pid() < 0 && !stopping_ && steady_clock::now() >= restart_at_)
        restart();
    }
  }

  bool tend_orphans() {
    std::vector<pid_t> own = home_workers_->pids();
    own.insert(own.end(), {api_.pid(), worker_.pid()});
    return orphans_.tend(own, steady_clock::now());
  }

  int next_look_in() const {
    const milliseconds look = PulseWatch::kLookEvery;
    if (!local_worker_ || worker_.pid() >= 0 || stopping_) return static_cast<int>(look.count());
    const auto left = std::chrono::duration_cast<milliseconds>(restart_at_ - steady_clock::now());
    return static_cast<int>(std::clamp(left + milliseconds(1), milliseconds(0), look).count());
  }

  void plan_restart() {
    const bool young = steady_clock::now() - worker_.started() < kYoung;
    pause_ = young ? std::min(pause_ * 2, kLongestPause) : kFirstPause;
    restart_at_ = steady_clock::now() + pause_;
    base::log_info("the worker is started again", {{"in_ms", pause_.count()}});
  }

  void restart() {
    if (auto started = start_worker(); !started) {
      complain(started.error());
      plan_restart();
    }
    write_status();
  }

  // True when somebody asks us to stop.
  bool drain_signals() {
    signalfd_siginfo info;
    bool stop = false;
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
      if (info.ssi_signo != SIGCHLD) stop = true;
      if (info.ssi_signo == SIGINT) ++interrupts_;
    }
    return stop;
  }

  int end(int status) {
    home_workers_->end_all();
    for (Child* child : {&api_, &worker_}) {
      if (child->pid() >= 0)
        ::kill(child->pid(), child == &worker_ && api_.pid() < 0 ? SIGTERM : SIGKILL);
    }
    const auto deadline = steady_clock::now() + std::chrono::seconds(5);
    for (Child* child : {&api_, &worker_}) {
      while (child->pid() >= 0 && !child->reap()) {
        if (steady_clock::now() > deadline) ::kill(child->pid(), SIGKILL);
        pollfd fd{signals_.get(), POLLIN, 0};
        ::poll(&fd, 1, 100);
        drain_signals();
      }
    }
    const auto patience = steady_clock::now() + 2 * Orphans::kGrace;
    while (tend_orphans() && steady_clock::now() < patience) {
      pollfd fd{signals_.get(), POLLIN, 0};
      ::poll(&fd, 1, 100);
      drain_signals();
    }
    ::unlink(folder_.status().c_str());
    ::unlink(folder_.socket().c_str());
    return status;
  }

  const config::Settings& settings_;
  base::Fd documents_;  // opened by who may reach it
  DataFolder folder_;
  uid_t uid_;
  bool local_worker_;  // none where runs go to workers elsewhere
  base::Fd signals_;
  Orphans orphans_;
  std::optional<HomeWorkers> home_workers_;
  base::Fd home_;  // the API process's end of their channel, until it has it
  Child worker_{"the worker hangs; killing it"};
  Child api_{"the API process hangs; killing it"};
  int port_ = 0;
  std::string why_;  // it is not ready
  bool stopping_ = false;
  int interrupts_ = 0;  // SIGINT so far
  milliseconds pause_ = kFirstPause;
  steady_clock::time_point restart_at_{};
};

}  // namespace

int launch(const config::Settings& settings, uid_t uid, base::Fd documents) {
  return Launcher(settings, uid, std::move(documents)).run();
}

}  // namespace mecapy::main
