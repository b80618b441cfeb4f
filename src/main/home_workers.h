// Workers that call home from this machine. The API process, which must not be root, asks the
// launcher, which may be, by messages of one size:
//
//   API ─▶ launcher   'S' machine   start `mecapy worker --home` for it
//                     'G' machine   the same, with the graphics processors
//                     'K' machine   end it
//   launcher ─▶ API   'R' machine   it runs
//                     'E' machine   it has ended, or could not be started
//
// A machine is named by its UUID, which is all that the launcher takes from the other side.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "clouds/local.h"
#include "config/settings.h"

namespace mecapy::main {

// Two ends of a socket that keeps messages apart.
struct HomeChannel {
  base::Fd launcher;
  base::Fd api;
};
Result<HomeChannel> make_home_channel();

// The launcher's side.
class HomeWorkers {
 public:
  // `exec`, in the child, becomes the worker of the machine; it does not return.
  HomeWorkers(base::Fd channel, std::function<void(const std::string& machine, bool gpus)> exec)
      : channel_(std::move(channel)), exec_(std::move(exec)) {}

  int fd() const { return channel_.get(); }
  // Does what was asked; nothing is waited for.
  void listen();
  // Takes note of those that have ended: the other side is told.
  void reap();
  // In a child of the launcher: what it must not hold.
  void forget() { channel_.reset(); }
  // Ends all of them, and waits until they are gone.
  void end_all();
  std::vector<pid_t> pids() const;

 private:
  void start(const std::string& machine, bool gpus);
  void tell(char what, const std::string& machine) const;

  base::Fd channel_;
  std::function<void(const std::string&, bool)> exec_;
  struct Child {
    pid_t pid;
    int asked;  // to end
  };
  std::map<std::string, Child> pids_;
};

// Where a worker on this machine reaches the server that listens on `port`.
std::string local_home(const config::Settings& settings, int port);

// The API process's side.
class HomeProcesses final : public clouds::Processes {
 public:
  HomeProcesses(boost::asio::io_context& io, base::Fd channel);

  bool start(const std::string& machine, bool gpus) override;
  void end(const std::string& machine) override;
  std::optional<bool> runs(const std::string& machine) const override;
  std::vector<std::string> all() const override;
  // Told when one has ended.
  void on_end(std::function<void()> hook) { hook_ = std::move(hook); }

 private:
  boost::asio::awaitable<void> listen();
  bool ask(char what, const std::string& machine);

  boost::asio::posix::stream_descriptor channel_;
  std::map<std::string, bool> known_;  // whether it runs
  std::function<void()> hook_ = [] {};
};

}  // namespace mecapy::main
