#include "main/follower.h"

#include <fcntl.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <utility>

#include "base/fd.h"
#include "cli/text.h"

namespace mecapy::main {

namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;
using Clock = std::chrono::steady_clock;

Follower::Follower(Remote& remote, Followee who)
    : remote_(remote), who_(std::move(who)), line_(remote.err) {}

awaitable<Result<Followed>> Follower::follow() {
  auto done = co_await (watch() || heed_signals() || tick() || beside());
  if (done.index() == 1) co_return Followed::until_interrupted;
  const auto& watched = std::get<0>(done);
  if (!watched) co_return watched.error();
  co_return Followed::to_the_end;
}

awaitable<Result<void>> Follower::watch() {
  client::Watch watch(remote_.api, who_.path + "/events");
  while (true) {
    const auto event = co_await watch.next();
    if (!event) co_return event.error();
    if (!*event) break;
    take(**event);
    draw();
  }
  if (asking_) end_question();
  line_.clear();
  co_return Result<void>{};
}

// Ends with the user's wish to leave.
awaitable<void> Follower::heed_signals() {
  asio::signal_set signals(remote_.io, SIGINT, SIGTERM);
  int signal = co_await signals.async_wait(asio::use_awaitable);
  if (who_.interrupt == Interrupt::leaves) co_return;
  while (signal == SIGINT && remote_.err.is_terminal()) {
    // A second Ctrl-C is as good as a yes.
    const auto answered = co_await (ask() || signals.async_wait(asio::use_awaitable));
    const bool no = answered.index() == 0 && !std::get<0>(answered);
    end_question();
    if (!no) break;
    signal = co_await signals.async_wait(asio::use_awaitable);
  }
  line_.clear();
  remote_.err.write("mecapy: cancelling the " + who_.word + "\n");
  const auto done = co_await (cancel() || signals.async_wait(asio::use_awaitable));
  if (done.index() == 0) co_await signals.async_wait(asio::use_awaitable);
}

awaitable<void> Follower::tick() {
  asio::steady_timer timer(remote_.io);
  while (true) {
    timer.expires_after(kRedraw);
    co_await timer.async_wait(asio::use_awaitable);
    draw();
  }
}

awaitable<void> Follower::beside() {
  asio::steady_timer never(remote_.io, Clock::time_point::max());
  co_await never.async_wait(asio::use_awaitable);
}

void Follower::say(const cli::Screen& screen, const std::string& text) {
  write(screen, screen.is_terminal() ? cli::harmless(text) : text);
}

void Follower::tell_line(const std::string& line) { write(remote_.err, line); }

void Follower::write(const cli::Screen& screen, const std::string& text) {
  if (asking_) {
    held_for_ = &screen;
    held_ += text;
    return;
  }
  line_.clear();
  screen.write(text);
  if (!text.empty()) at_line_start_ = text.ends_with('\n') || text.ends_with('\r');
}

void Follower::say_now(const std::string& text) {
  line_.clear();
  remote_.err.write(text);
}

void Follower::draw() {
  const std::string clock =
      "  " + cli::elapsed(std::chrono::duration<double>(Clock::now() - begun_).count());
  const std::string text = line(clock);
  if (text.empty()) return line_.clear();
  if (!asking_ && at_line_start_) line_.show(text);
}

// Whether the user says yes. True also when there is nobody to ask.
awaitable<bool> Follower::ask() {
  base::Fd terminal(::open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!terminal) co_return true;
  line_.clear();
  asking_ = true;
  remote_.err.write((at_line_start_ ? "" : "\n") + std::string("Cancel the ") + who_.word +
                    "? [y/N] ");
  asio::posix::stream_descriptor in(remote_.io, terminal.release());
  std::string answer;
  char chunk[256];
  while (answer.find('\n') == std::string::npos && answer.size() < sizeof chunk) {
    boost::system::error_code ec;
    const std::size_t n = co_await in.async_read_some(
        asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return true;  // the terminal has gone
    answer.append(chunk, n);
  }
  answered_ = true;
  co_return answer.starts_with('y') || answer.starts_with('Y');
}

void Follower::end_question() {
  if (!asking_) return;
  if (!answered_) remote_.err.write("\n");
  asking_ = answered_ = false;
  at_line_start_ = true;
  if (held_for_ != nullptr) write(*held_for_, std::exchange(held_, {}));
}

awaitable<void> Follower::cancel() {
  const auto done = co_await cancel_and_wait(remote_.api, who_.path);
  if (!done) remote_.err.write("mecapy: " + cli::harmless_line(done.error().message) + "\n");
}

}  // namespace mecapy::main
