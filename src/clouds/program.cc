#include "clouds/program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <utility>

#include "base/fd.h"

namespace mecapy::clouds {
namespace {

namespace asio = boost::asio;
using namespace boost::asio::experimental::awaitable_operators;
using asio::awaitable;
using Descriptor = asio::posix::stream_descriptor;

// So long one that was killed may take to be gone.
constexpr std::chrono::seconds kDying{2};

// A process in a group of its own. One that still runs when this goes is killed.
struct Child {
  pid_t pid = -1;
  base::Fd gone{};  // readable when it has ended

  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid < 0) return;
    kill();
    ::waitpid(pid, nullptr, WNOHANG);
  }
  void kill() const { ::kill(-pid, SIGKILL); }
  int status() {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG) != 0) return 127;
    pid = -1;
    return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
  }
};

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

// What posix_spawn is told: outputs into the pipes, every other descriptor closed.
class Spawning {
 public:
  Spawning(int out, int err) {
    posix_spawn_file_actions_init(&files_);
    posix_spawn_file_actions_addopen(&files_, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files_, out, 1);
    posix_spawn_file_actions_adddup2(&files_, err, 2);
    posix_spawn_file_actions_addclosefrom_np(&files_, 3);
    posix_spawnattr_init(&attributes_);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  Spawning(const Spawning&) = delete;
  Spawning& operator=(const Spawning&) = delete;
  ~Spawning() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  // 0, or an errno.
  int start(Program& program, pid_t& pid) {
    const auto words = pointers(program.words);
    const auto environment = pointers(program.environment);
    return ::posix_spawn(&pid, words[0], &files_, &attributes_, words.data(), environment.data());
  }

 private:
  posix_spawn_file_actions_t files_{};
  posix_spawnattr_t attributes_{};
};

awaitable<void> drain(Descriptor& from, std::string& into, std::size_t most, bool& whole) {
  std::array<char, 16 * 1024> piece{};
  while (true) {
    boost::system::error_code ec;
    const std::size_t n = co_await from.async_read_some(
        asio::buffer(piece), asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return;
    const std::size_t kept = std::min(n, most - into.size());
    into.append(piece.data(), kept);
    whole = whole && kept == n;
  }
}

awaitable<void> ready(Descriptor& descriptor) {
  boost::system::error_code ec;
  co_await descriptor.async_wait(Descriptor::wait_read,
                                 asio::redirect_error(asio::use_awaitable, ec));
}

awaitable<void> until(base::Deadline deadline) {
  asio::steady_timer timer(co_await asio::this_coro::executor, deadline);
  boost::system::error_code ec;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
}

}  // namespace

awaitable<Result<Ran>> run_program(Program program, base::Deadline deadline) {
  const std::string path = program.words.at(0);
  std::array<int, 2> out{}, err{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0) {
    co_return fail(ErrorCode::unavailable, std::string("no pipe: ") + std::strerror(errno));
  }
  base::Fd out_read(out[0]), out_write(out[1]);
  if (::pipe2(err.data(), O_CLOEXEC) != 0) {
    co_return fail(ErrorCode::unavailable, std::string("no pipe: ") + std::strerror(errno));
  }
  base::Fd err_read(err[0]), err_write(err[1]);
  Child child;
  if (const int error = Spawning(out_write.get(), err_write.get()).start(program, child.pid)) {
    child.pid = -1;
    co_return fail(ErrorCode::unavailable, path + ": " + std::strerror(error));
  }
  out_write.reset();
  err_write.reset();
  child.gone = base::Fd(static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0)));
  if (!child.gone) {
    co_return fail(ErrorCode::unavailable, std::string("pidfd_open: ") + std::strerror(errno));
  }
  const auto executor = co_await asio::this_coro::executor;
  Descriptor output(executor, out_read.release());
  Descriptor errors(executor, err_read.release());
  Descriptor gone(executor, child.gone.release());
  Ran ran;
  const auto finished =
      co_await ((drain(output, ran.out, program.most, ran.whole) &&
                 drain(errors, ran.err, program.most, ran.whole) && ready(gone)) ||
                until(deadline));
  if (finished.index() == 1) {
    child.kill();
    co_await (ready(gone) || until(base::after(kDying)));
    co_return fail(ErrorCode::deadline_exceeded, path + " did not answer in time");
  }
  ran.status = child.status();
  co_return ran;
}

}  // namespace mecapy::clouds
