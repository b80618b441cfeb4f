// What following a run and following a workflow have in common: the events until its end, a line
// that changes, and Ctrl-C.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "client/events.h"
#include "main/follow.h"

namespace mecapy::main {

// What is followed.
struct Followee {
  std::string path;  // "/api/runs/ID"
  std::string word;  // "run"
  Interrupt interrupt = Interrupt::asks;
};

class Follower {
 public:
  Follower(Remote& remote, Followee who);
  virtual ~Follower() = default;
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Errors as client::Watch has them.
  awaitable<Result<Followed>> follow();

 protected:
  static constexpr std::chrono::milliseconds kRedraw{500};

  virtual void take(const client::Event& event) = 0;
  // The line that changes, harmless, with `clock` in it; "": none.
  virtual std::string line(const std::string& clock) = 0;
  // What else is done meanwhile; never ends.
  virtual awaitable<void> beside();

  // Prints this above the line, made harmless for a terminal. While a question stands it waits.
  void say(const cli::Screen& screen, const std::string& text);
  // The same of a line on stderr that is harmless, and may be styled.
  void tell_line(const std::string& line);
  void say_now(const std::string& text);  // on stderr, also then
  Remote& remote() { return remote_; }
  const std::string& path() const { return who_.path; }

 private:
  awaitable<Result<void>> watch();
  awaitable<void> heed_signals();
  awaitable<void> tick();
  awaitable<bool> ask();
  awaitable<void> cancel();
  void end_question();
  void write(const cli::Screen& screen, const std::string& text);
  void draw();

  Remote& remote_;
  Followee who_;
  cli::ProgressLine line_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::string held_;
  const cli::Screen* held_for_ = nullptr;
  bool at_line_start_ = true;
  bool asking_ = false;
  bool answered_ = false;
};

}  // namespace mecapy::main
