#include "main/home_workers.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "base/id.h"
#include "base/log.h"

namespace mecapy::main {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kUuid = 36;
constexpr int kPatience = 3;  // times a worker is asked to end
using Message = std::array<char, 1 + kUuid>;

Message message_of(char what, const std::string& machine) {
  Message message{};
  message[0] = what;
  std::copy_n(machine.begin(), kUuid, message.begin() + 1);
  return message;
}

// The machine that a message is about; nothing when it is none.
std::optional<std::string> machine_of(const Message& message, ssize_t size) {
  if (size != static_cast<ssize_t>(message.size())) return std::nullopt;
  std::string machine(message.data() + 1, kUuid);
  if (!base::is_uuid(machine)) return std::nullopt;
  return machine;
}

bool send(int fd, char what, const std::string& machine) {
  if (!base::is_uuid(machine)) return false;
  const Message message = message_of(what, machine);
  return ::send(fd, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(message.size());
}

}  // namespace

Result<HomeChannel> make_home_channel() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return fail(ErrorCode::internal, std::string("socketpair: ") + std::strerror(errno));
  }
  return HomeChannel{base::Fd(ends[0]), base::Fd(ends[1])};
}

void HomeWorkers::listen() {
  Message message{};
  while (true) {
    const ssize_t size = ::recv(channel_.get(), message.data(), message.size(), MSG_DONTWAIT);
    if (size == 0) channel_.reset();  // the API process is about to end
    if (size <= 0) return;
    const auto machine = machine_of(message, size);
    if (!machine) continue;
    const auto there = pids_.find(*machine);
    const bool gpus = message[0] == 'G';
    if ((gpus || message[0] == 'S') && there == pids_.end()) start(*machine, gpus);
    // Asked again and again, it is not heard.
    if (message[0] == 'K' && there != pids_.end()) {
      ::kill(there->second.pid, ++there->second.asked > kPatience ? SIGKILL : SIGTERM);
    }
  }
}

void HomeWorkers::start(const std::string& machine, bool gpus) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    exec_(machine, gpus);
    ::_exit(127);
  }
  if (pid > 0) pids_[machine] = {pid, 0};
  tell(pid > 0 ? 'R' : 'E', machine);
}

void HomeWorkers::reap() {
  for (auto it = pids_.begin(); it != pids_.end();) {
    if (::waitpid(it->second.pid, nullptr, WNOHANG) != it->second.pid) {
      ++it;
      continue;
    }
    tell('E', it->first);
    it = pids_.erase(it);
  }
}

std::vector<pid_t> HomeWorkers::pids() const {
  std::vector<pid_t> all;
  for (const auto& [machine, child] : pids_) all.push_back(child.pid);
  return all;
}

void HomeWorkers::tell(char what, const std::string& machine) const {
  if (channel_) send(channel_.get(), what, machine);
}

void HomeWorkers::end_all() {
  for (const auto& [machine, child] : pids_) ::kill(child.pid, SIGKILL);
  for (const auto& [machine, child] : pids_) ::waitpid(child.pid, nullptr, 0);
  pids_.clear();
}

std::string local_home(const config::Settings& settings, int port) {
  const bool any = settings.server_host == "0.0.0.0" || settings.server_host == "::";
  const bool six = !any && settings.server_host.find(':') != std::string::npos;
  const std::string host = any   ? "127.0.0.1"
                           : six ? "[" + settings.server_host + "]"
                                 : settings.server_host;
  return "http://" + host + ":" + std::to_string(port);
}

HomeProcesses::HomeProcesses(asio::io_context& io, base::Fd channel)
    : channel_(io, channel.release()) {
  asio::co_spawn(io, listen(), asio::detached);
}

bool HomeProcesses::ask(char what, const std::string& machine) {
  return send(channel_.native_handle(), what, machine);
}

bool HomeProcesses::start(const std::string& machine, bool gpus) {
  if (!ask(gpus ? 'G' : 'S', machine)) return false;
  known_[machine] = true;  // until it is said to have ended
  return true;
}

void HomeProcesses::end(const std::string& machine) { ask('K', machine); }

std::optional<bool> HomeProcesses::runs(const std::string& machine) const {
  const auto it = known_.find(machine);
  if (it == known_.end()) return std::nullopt;
  return it->second;
}

std::vector<std::string> HomeProcesses::all() const {
  std::vector<std::string> running;
  for (const auto& [machine, runs] : known_) {
    if (runs) running.push_back(machine);
  }
  return running;
}

asio::awaitable<void> HomeProcesses::listen() {
  Message message{};
  while (true) {
    boost::system::error_code ec;
    co_await channel_.async_wait(asio::posix::stream_descriptor::wait_read,
                                 asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return;
    const ssize_t size =
        ::recv(channel_.native_handle(), message.data(), message.size(), MSG_DONTWAIT);
    if (size == 0) co_return;  // the launcher is gone, and so is this process soon
    const auto machine = machine_of(message, size);
    if (!machine || message[0] != 'E') continue;
    known_.erase(*machine);
    hook_();
  }
}

}  // namespace mecapy::main
