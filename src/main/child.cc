#include "main/child.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/log.h"

namespace mecapy::main {

using std::chrono::steady_clock;

void Child::watch(pid_t pid, base::Fd pulse, std::chrono::seconds patience) {
  const auto now = steady_clock::now();
  ::fcntl(pulse.get(), F_SETFL, O_NONBLOCK);
  pid_ = pid;
  pulse_ = std::move(pulse);
  started_ = now;
  watch_ = PulseWatch(now, patience);
}

std::string Child::listen() {
  char text[4096];
  const ssize_t n = ::read(pulse_.get(), text, sizeof text);
  if (n == 0) pulse_.reset();
  if (n <= 0) return {};
  watch_.heard(steady_clock::now());
  return std::string(text, static_cast<std::size_t>(n));
}

void Child::end_if_it_hangs() {
  if (pid_ < 0) return;
  if (pulse_) listen();
  const auto now = steady_clock::now();
  if (!watch_.hangs(now)) return;
  base::log_error(it_hangs_);
  ::kill(pid_, SIGKILL);
  watch_.heard(now);  // said once, unless it does not even die
}

std::optional<int> Child::reap() {
  int status = 0;
  if (pid_ < 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = -1;
  pulse_.reset();
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace mecapy::main
