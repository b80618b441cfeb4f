// For tests: a simulated cloud (tests/clouds) as a process of its own, with its control door.
#pragma once

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/test_await.h"
#include "clouds/cloud_calls.h"
#include "net/http_client.h"

extern char** environ;

namespace mecapy::clouds {

class TestCloud {
 public:
  explicit TestCloud(const std::string& name) {
    int in[2];
    int out[2];
    if (::pipe(in) != 0 || ::pipe(out) != 0) throw std::runtime_error("no pipe");
    input_ = base::Fd(in[1]);
    const base::Fd output(out[0]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    for (const int fd : {in[0], in[1], out[0], out[1]}) {
      posix_spawn_file_actions_addclose(&actions, fd);
    }
    const std::string program = MECAPY_SOURCE "/tests/clouds/simulate.py";
    const char* const words[] = {"python3", program.c_str(), name.c_str(),
                                 "--scale", "0.001",         nullptr};
    const int failed = ::posix_spawnp(&pid_, "python3", &actions, nullptr,
                                      const_cast<char* const*>(words), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    if (failed != 0) throw std::runtime_error("no python3");
    std::string line;
    for (char c; ::read(output.get(), &c, 1) == 1 && c != '\n';) line += c;
    known_ = boost::json::parse(line).at(name);
  }
  ~TestCloud() {
    input_.reset();  // the end of its input is its own
    ::waitpid(pid_, nullptr, 0);
  }
  TestCloud(const TestCloud&) = delete;
  TestCloud& operator=(const TestCloud&) = delete;

  std::string known(std::string_view name) const { return text_at(known_, {name}); }

  void control(const std::string& order, const boost::json::object& value) {
    ask("POST", order, boost::json::serialize(value));
  }
  // The next time `on` is asked for, or of the machine that is made next when it is "".
  void fault(const std::string& name, const std::string& on = "", int times = 1) {
    boost::json::object order{{"fault", name}, {"times", times}};
    if (!on.empty()) order["on"] = on;
    control("faults", {{"orders", boost::json::array{order}}});
  }
  boost::json::value state() { return ask("GET", "state"); }
  // Servers, volumes and addresses that are there.
  std::size_t left() {
    const boost::json::value there = state();
    return array_at(there, {"servers"}).size() + array_at(there, {"volumes"}).size() +
           array_at(there, {"addresses"}).size();
  }
  // What of our requests was not as the facts say.
  std::string violations() { return boost::json::serialize(array_at(state(), {"violations"})); }
  // Where the simulator itself failed.
  std::string crashes() { return boost::json::serialize(array_at(state(), {"crashes"})); }
  // Those of tests/clouds/fault_table.py that can befall it and do not take seconds.
  std::vector<std::string> faults() const {
    std::vector<std::string> names;
    for (const auto& name : array_at(known_, {"faults"})) names.emplace_back(name.as_string());
    return names;
  }
  // All that came, but for our questions here.
  boost::json::array requests() { return array_at(ask("GET", "requests"), {"requests"}); }

 private:
  boost::json::value ask(const std::string& method, const std::string& what,
                         std::string body = "") {
    net::Outgoing request;
    request.method = method;
    request.url = known("url") + "/_control/" + what;
    request.max_response = 64 << 20;
    if (method != "GET") request.body = std::move(body);
    const auto answered =
        base::await(http_.send(std::move(request), base::after(std::chrono::seconds(20))));
    const auto* response = std::get_if<net::Response>(&answered);
    if (response == nullptr || response->status != 200) {
      throw std::runtime_error("the simulator refuses " + what + ": " +
                               (response == nullptr ? "no answer" : response->body));
    }
    return boost::json::parse(response->body);
  }

  base::Fd input_;
  pid_t pid_ = -1;
  boost::json::value known_;
  net::HttpClient http_{{}};
};

}  // namespace mecapy::clouds
