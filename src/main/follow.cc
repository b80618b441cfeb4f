#include "main/follow.h"

#include <fcntl.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <optional>

#include "base/fd.h"
#include "cli/text.h"
#include "client/answers.h"
#include "client/events.h"
#include "model/run.h"
#include "wire/json.h"

namespace mecapy::main {
namespace {

namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kRedraw{500};
constexpr std::chrono::seconds kUntilCancelled{15};
constexpr std::chrono::seconds kAskAgain{3};

class Follower {
 public:
  Follower(Remote& remote, FollowOptions options)
      : remote_(remote), options_(std::move(options)), line_(remote.err) {}

  awaitable<Result<void>> watch() {
    client::Watch watch(remote_.api, options_.run_id);
    while (true) {
      const auto event = co_await watch.next();
      if (!event) co_return event.error();
      if (!*event) break;
      take(**event);
    }
    if (asking_) end_question();
    line_.clear();
    co_return Result<void>{};
  }

  // Ends with the user's wish to leave.
  awaitable<void> heed_signals() {
    asio::signal_set signals(remote_.io, SIGINT, SIGTERM);
    int signal = co_await signals.async_wait(asio::use_awaitable);
    if (options_.interrupt == Interrupt::leaves) co_return;
    while (signal == SIGINT && remote_.err.is_terminal()) {
      // A second Ctrl-C is as good as a yes.
      const auto answered = co_await (ask() || signals.async_wait(asio::use_awaitable));
      const bool no = answered.index() == 0 && !std::get<0>(answered);
      end_question();
      if (!no) break;
      signal = co_await signals.async_wait(asio::use_awaitable);
    }
    line_.clear();
    remote_.err.write("mecapy: cancelling the run\n");
    const auto done = co_await (cancel() || signals.async_wait(asio::use_awaitable));
    if (done.index() == 0) co_await signals.async_wait(asio::use_awaitable);
  }

  awaitable<void> tick() {
    asio::steady_timer timer(remote_.io);
    while (true) {
      timer.expires_after(kRedraw);
      co_await timer.async_wait(asio::use_awaitable);
      draw();
    }
  }

  // Asks the server, for a person who looks, why the run waits: no event tells it.
  awaitable<void> ask_why() {
    asio::steady_timer timer(remote_.io);
    while (true) {
      timer.expires_after(status_ == "queued" ? kAskAgain : kRedraw);
      if (status_ == "queued" && remote_.err.is_terminal()) {
        client::Call call;
        call.path = client::run_path(options_.run_id);
        const auto json = co_await remote_.api.text(std::move(call));
        // Who cannot tell it now is asked again; the stream says what is wrong.
        if (json) waiting_ = client::text_member(*json, "waiting");
      }
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

 private:
  void take(const client::Event& event) {
    if (options_.log == LogTo::out_as_json) print_event(event);
    if (event.kind == "status") hear_status(event.data);
    if (event.kind == "progress") progress_ = client::read_progress(event.data);
    if (event.kind == "log") say(client::text_member(event.data, "text"));
    draw();
  }

  // A run that the platform failed begins again, and with it its log.
  void hear_status(const std::string& data) {
    status_ = client::text_member(data, "status");
    const auto known = model::parse_status(status_);
    has_ended_ = known && model::is_end(*known);
    const int attempt = client::integer_member(data, "attempt");
    if (attempt > 1 && attempt != attempt_ && status_ == "running") {
      line_.clear();
      remote_.err.write("mecapy: the run begins again, attempt " + std::to_string(attempt) + "\n");
      progress_ = {};
    }
    attempt_ = attempt;
  }

  void print_event(const client::Event& event) {
    if (!wire::validate_json(event.data)) return;
    print_json(remote_, std::move(wire::ObjectWriter()
                                      .text("event", event.kind)
                                      .text("id", event.id)
                                      .raw("data", event.data))
                            .finish());
  }

  // What the run prints. While a question stands it waits.
  void say(const std::string& text) {
    if (options_.log != LogTo::out && options_.log != LogTo::err) return;
    if (asking_) {
      held_ += text;
      return;
    }
    const cli::Screen& screen = options_.log == LogTo::out ? remote_.out : remote_.err;
    line_.clear();
    screen.write(screen.is_terminal() ? cli::harmless(text) : text);
    if (!text.empty()) at_line_start_ = text.ends_with('\n') || text.ends_with('\r');
  }

  // Of a run that has ended no bar stands where it was last.
  void draw() {
    if (has_ended_) return line_.clear();
    if (asking_ || !at_line_start_) return;
    const double took = std::chrono::duration<double>(Clock::now() - begun_).count();
    std::string text = status_.empty() ? "waiting" : status_;
    text += cli::progress_text(progress_.fraction, progress_.message);
    const std::string clock = "  " + cli::elapsed(took);
    if (status_ == "queued" && !waiting_.empty()) {
      const std::size_t taken = cli::width(text) + 2 + clock.size();
      const std::size_t columns = remote_.err.columns() - 1;
      text += "  " + cli::harmless_line(waiting_, columns > taken ? columns - taken : 1);
    }
    line_.show(text + clock);
  }

  // Whether the user says yes. False also when there is nobody to ask.
  awaitable<bool> ask() {
    base::Fd terminal(::open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!terminal) co_return true;
    line_.clear();
    asking_ = true;
    remote_.err.write((at_line_start_ ? "" : "\n") + std::string("Cancel the run? [y/N] "));
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

  void end_question() {
    if (!asking_) return;
    if (!answered_) remote_.err.write("\n");
    asking_ = answered_ = false;
    at_line_start_ = true;
    say(std::exchange(held_, {}));
  }

  awaitable<void> cancel() {
    const auto done = co_await cancel_and_wait(remote_.api, options_.run_id);
    if (!done) remote_.err.write("mecapy: " + cli::harmless_line(done.error().message) + "\n");
  }

  Remote& remote_;
  FollowOptions options_;
  cli::ProgressLine line_;
  const Clock::time_point begun_ = Clock::now();
  std::string status_;
  std::string waiting_;  // why it is queued; ""
  bool has_ended_ = false;
  int attempt_ = 0;
  client::Progress progress_;
  std::string held_;
  bool at_line_start_ = true;
  bool asking_ = false;
  bool answered_ = false;
};

}  // namespace

awaitable<Result<Followed>> follow(Remote& remote, FollowOptions options) {
  Follower follower(remote, std::move(options));
  auto done = co_await (follower.watch() || follower.heed_signals() || follower.tick() ||
                        follower.ask_why());
  if (done.index() == 1) co_return Followed::until_interrupted;
  const auto& watched = std::get<0>(done);
  if (!watched) co_return watched.error();
  co_return Followed::to_the_end;
}

awaitable<Result<std::string>> cancel_and_wait(client::Api& api, std::string run_id) {
  client::Call cancel;
  cancel.method = "POST";
  cancel.path = client::run_path(run_id, "/cancel");
  if (auto asked = co_await api.text(std::move(cancel)); !asked) co_return asked.error();
  client::Call wait;
  wait.path = client::run_path(run_id);
  wait.query = {{"wait", std::to_string(kUntilCancelled.count())}};
  wait.waits = kUntilCancelled;
  co_return co_await api.text(std::move(wait));
}

}  // namespace mecapy::main
