// The launcher of `mecapy serve`:
//
//   launcher (root when started as root, with a supervisor's capabilities, so that it can start
//   │         another; reads a ready line and a pulse from each child)
//   ├─ API process   (the data folder's user)     store, queue, dispatcher, HTTP
//   └─ worker        (front: the same user)       /execute on a Unix socket
//        └─ supervisor (root's capabilities for namespaces and cgroups; reads nothing a run wrote)
//             ├─ zygote                           see sandbox/sandbox.h
//             └─ init of each run ▸ the run
//
// With workers elsewhere (worker.url) there is no worker, and nobody stays root.
//
// Both children die with the launcher. The worker is started again when it dies, with a pause that
// grows while it dies young. When the API process ends, everything ends, with its status. A child
// that hangs (pulse.h) is killed, and so dies.
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "base/log.h"
#include "main/commands.h"
#include "main/data_folder.h"
#include "main/documents.h"
#include "main/orphans.h"
#include "main/parts.h"
#include "main/process.h"
#include "main/pulse.h"

namespace mecapy::main {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kStartDeadline{60};
constexpr std::chrono::hours kMigrationDeadline{6};  // each step takes as long as it takes
constexpr milliseconds kFirstPause{100};
constexpr milliseconds kLongestPause{5000};
constexpr milliseconds kLockPatience{2000};
constexpr std::chrono::seconds kYoung{10};  // a worker that dies before this age died young

struct Child {
  const char* it_hangs;  // what is said then
  pid_t pid = -1;
  base::Fd pulse{};  // non-blocking
  steady_clock::time_point started{};
  PulseWatch watch{};
};

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
    begin_watching(worker_, pid, std::move(pipe->read));
    return {};
  }

  static void begin_watching(Child& child, pid_t pid, base::Fd pulse) {
    const auto now = steady_clock::now();
    ::fcntl(pulse.get(), F_SETFL, O_NONBLOCK);
    child.pid = pid;
    child.pulse = std::move(pulse);
    child.started = now;
    child.watch = PulseWatch(now, kStartDeadline);
  }

  // In the child: the same program again, so that it starts with a clean memory.
  [[noreturn]] void exec_worker(int pulse) {
    become_child();
    hand_settings_over();
    ::fcntl(pulse, F_SETFD, 0);
    const std::string pulse_fd = std::to_string(pulse);
    const std::string run_as = std::to_string(uid_);
    const std::string socket = folder_.socket();
    ::execl("/proc/self/exe", "mecapy", "worker", "--socket", socket.c_str(), "--data-dir",
            settings_.data_dir.c_str(), "--pulse-fd", pulse_fd.c_str(), "--run-as", run_as.c_str(),
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
      worker_.pulse.reset();
      pipe->read.reset();
      const auto dropped = become(uid_);
      if (!dropped) ::_exit(complain(dropped.error()));
      die_with(launcher);
      const int status = run_api(settings_, std::move(documents_), std::move(pipe->write));
      std::fflush(nullptr);
      ::_exit(status);
    }
    begin_watching(api_, pid, std::move(pipe->read));
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
                       {worker_ready ? -1 : worker_.pulse.get(), POLLIN, 0},
                       {port_ != 0 ? -1 : api_.pulse.get(), POLLIN, 0}};
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - steady_clock::now());
      if (left.count() <= 0) {
        return complain(fail(ErrorCode::deadline_exceeded, "not ready in time"));
      }
      ::poll(fds, 3, static_cast<int>(left.count()));
      if ((fds[1].revents & POLLIN) != 0) worker_ready = !listen_to(worker_).empty();
      if (worker_ready && api_.pid < 0) {
        if (auto started = start_api(); !started) return complain(started.error());
      }
      if ((fds[2].revents & POLLIN) != 0 && hear_port(listen_to(api_))) {
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
      if (const auto status = reap(*child)) return *status == 0 ? 1 : *status;
    }
    return std::nullopt;
  }

  // What the child has said since the last time.
  static std::string listen_to(Child& child) {
    char text[4096];
    const ssize_t n = ::read(child.pulse.get(), text, sizeof text);
    if (n == 0) child.pulse.reset();  // it is about to end
    if (n <= 0) return {};
    child.watch.heard(steady_clock::now());
    return std::string(text, static_cast<std::size_t>(n));
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
    base::announce(state + " at " + url + not_ready + "\ndocs:  " + docs, state,
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
                 api_.pid, worker_.pid, port_);
    std::fclose(file);
    ::rename(temporary.c_str(), path.c_str());
  }

  int watch() {
    while (true) {
      pollfd fds[3] = {{signals_.get(), POLLIN, 0},
                       {worker_.pulse.get(), POLLIN, 0},
                       {api_.pulse.get(), POLLIN, 0}};
      ::poll(fds, 3, next_look_in());
      for (Child* child : {&worker_, &api_}) end_if_it_hangs(*child);
      if (drain_signals()) {
        // A second Ctrl-C does not wait for running runs; a second SIGTERM changes nothing.
        ::kill(api_.pid, interrupts_ > 1 ? SIGKILL : SIGTERM);
        stopping_ = true;
      }
      if (const auto status = reap(api_)) return end(*status);
      if (const auto status = reap(worker_)) {
        base::log_error("the worker died", {{"status", *status}});
        plan_restart();
      }
      tend_orphans();
      if (local_worker_ && worker_.pid < 0 && !stopping_ && steady_clock::now() >= restart_at_)
        restart();
    }
  }

  bool tend_orphans() {
    const pid_t own[] = {api_.pid, worker_.pid};
    return orphans_.tend(own, steady_clock::now());
  }

  int next_look_in() const {
    const milliseconds look = PulseWatch::kLookEvery;
    if (!local_worker_ || worker_.pid >= 0 || stopping_) return static_cast<int>(look.count());
    const auto left = std::chrono::duration_cast<milliseconds>(restart_at_ - steady_clock::now());
    return static_cast<int>(std::clamp(left + milliseconds(1), milliseconds(0), look).count());
  }

  static void end_if_it_hangs(Child& child) {
    if (child.pid < 0) return;
    if (child.pulse) listen_to(child);
    const auto now = steady_clock::now();
    if (!child.watch.hangs(now)) return;
    base::log_error(child.it_hangs);
    ::kill(child.pid, SIGKILL);
    child.watch.heard(now);  // said once, unless it does not even die
  }

  void plan_restart() {
    const bool young = steady_clock::now() - worker_.started < kYoung;
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

  // The exit status of a child that has ended.
  static std::optional<int> reap(Child& child) {
    int status = 0;
    if (child.pid < 0 || ::waitpid(child.pid, &status, WNOHANG) != child.pid) return std::nullopt;
    child.pid = -1;
    child.pulse.reset();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  int end(int status) {
    for (Child* child : {&api_, &worker_}) {
      if (child->pid >= 0)
        ::kill(child->pid, child == &worker_ && api_.pid < 0 ? SIGTERM : SIGKILL);
    }
    const auto deadline = steady_clock::now() + std::chrono::seconds(5);
    for (Child* child : {&api_, &worker_}) {
      while (child->pid >= 0 && !reap(*child)) {
        if (steady_clock::now() > deadline) ::kill(child->pid, SIGKILL);
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
  Child worker_{"the worker hangs; killing it"};
  Child api_{"the API process hangs; killing it"};
  int port_ = 0;
  std::string why_;  // it is not ready
  bool stopping_ = false;
  int interrupts_ = 0;  // SIGINT so far
  milliseconds pause_ = kFirstPause;
  steady_clock::time_point restart_at_{};
};

// Whether somebody may listen there, tried before anything is made. A predecessor that was killed a
// moment ago may still hold the port.
Result<void> try_port(const std::string& host, std::int64_t port, milliseconds patience) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return fail(ErrorCode::usage, "not an IP address to listen on: " + host);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> address(found, ::freeaddrinfo);
  const auto give_up = steady_clock::now() + patience;
  while (true) {
    const base::Fd fd(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int one = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd && ::bind(fd.get(), address->ai_addr, address->ai_addrlen) == 0) return {};
    const int error = errno;
    if (error != EADDRINUSE || steady_clock::now() > give_up) {
      return fail(ErrorCode::unavailable,
                  "cannot listen on " + host + ":" + std::to_string(port) + ": " +
                      std::strerror(error) +
                      (error == EADDRNOTAVAIL ? "; choose another with --host"
                                              : "; choose another with --port"));
    }
    ::poll(nullptr, 0, 20);
  }
}

bool lock_within(int fd, milliseconds patience) {
  const auto give_up = steady_clock::now() + patience;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK || steady_clock::now() > give_up) return false;
    ::poll(nullptr, 0, 20);
  }
  return true;
}

}  // namespace

int serve(const config::Settings& settings) {
  hide_from_runs(settings);
  if (auto free = try_port(settings.server_host, settings.server_port, kLockPatience); !free) {
    return complain(free.error());
  }
  auto documents = open_documents(settings);
  if (!documents) return complain(documents.error());
  auto uid = prepare_data_dir(settings);
  if (!uid) return complain(uid.error());
  warn_about_user(*uid);
  if (settings.data_dir.size() > 90) {
    return complain(
        fail(ErrorCode::usage,
             "the path of the data folder is too long for a socket: " + settings.data_dir));
  }
  // Held by the launcher and by the API process, so until the last of them is gone. A predecessor
  // that was killed a moment ago may still be dying: it is waited for, a little.
  const base::Fd lock(::open(DataFolder{settings.data_dir}.lock().c_str(),
                             O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock || !lock_within(lock.get(), kLockPatience)) {
    return complain(fail(ErrorCode::conflict, "the data folder " + settings.data_dir +
                                                  " is in use by another mecapy serve: each has "
                                                  "one of its own; give this one another by "
                                                  "--data-dir (MECAPY_DATA_DIR)"));
  }
  if (works_elsewhere(settings)) {
    if (auto dropped = become(*uid); !dropped) return complain(dropped.error());
  } else if (auto kept = keep_what_a_supervisor_needs(settings); !kept) {
    return complain(kept.error());
  }
  return Launcher(settings, *uid, std::move(*documents)).run();
}

}  // namespace mecapy::main
