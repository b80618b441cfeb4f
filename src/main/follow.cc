#include "main/follow.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/whole.h"
#include "cli/text.h"
#include "client/answers.h"
#include "client/whole.h"
#include "main/follower.h"
#include "model/run.h"
#include "wire/json.h"

namespace mecapy::main {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kAskAgain{3};
constexpr std::chrono::seconds kOneWait{60};
constexpr std::chrono::seconds kUntilCancelled{15};

class RunFollower final : public Follower {
 public:
  RunFollower(Remote& remote, const FollowOptions& options)
      : Follower(remote, {client::run_path(options.run_id), "run", options.interrupt}),
        log_(options.log) {}

 private:
  void take(const client::Event& event) override {
    if (log_ == LogTo::out_as_json) print_event(event);
    if (event.kind == "status") hear_status(event.data);
    if (event.kind == "progress") progress_ = client::read_progress(event.data);
    if (event.kind != "log") return;
    const std::string text = client::text_member(event.data, "text");
    if (log_ == LogTo::out) say(remote().out, text);
    if (log_ == LogTo::err) say(remote().err, text);
  }

  // A run that the platform failed begins again, and with it its log.
  void hear_status(const std::string& data) {
    status_ = client::text_member(data, "status");
    const auto known = model::parse_status(status_);
    has_ended_ = known && model::is_end(*known);
    const int attempt = client::integer_member(data, "attempt");
    if (attempt > 1 && attempt != attempt_ && status_ == "running") {
      say_now("mecapy: the run begins again, attempt " + std::to_string(attempt) + "\n");
      progress_ = {};
    }
    attempt_ = attempt;
  }

  void print_event(const client::Event& event) {
    if (!wire::validate_json(event.data)) return;
    print_json(remote(), std::move(wire::ObjectWriter()
                                       .text("event", event.kind)
                                       .text("id", event.id)
                                       .raw("data", event.data))
                             .finish());
  }

  // Of a run that has ended no bar stands where it was last.
  std::string line(const std::string& clock) override {
    if (has_ended_) return "";
    std::string text = status_.empty() ? "waiting" : status_;
    text += cli::progress_text(progress_.fraction, progress_.message);
    if (status_ == "queued" && !waiting_.empty()) {
      const std::size_t taken = cli::width(text) + 2 + clock.size();
      const std::size_t columns = remote().err.columns() - 1;
      text += "  " + cli::harmless_line(waiting_, columns > taken ? columns - taken : 1);
    }
    return text + clock;
  }

  // Asks the server, for a person who looks, why the run waits: no event tells it.
  awaitable<void> beside() override {
    asio::steady_timer timer(remote().io);
    while (true) {
      timer.expires_after(status_ == "queued" ? kAskAgain : kRedraw);
      if (status_ == "queued" && remote().err.is_terminal()) {
        client::Call call;
        call.path = path();
        const auto json = co_await remote().api.text(std::move(call));
        // Who cannot tell it now is asked again; the stream says what is wrong.
        if (json) waiting_ = client::text_member(*json, "waiting");
      }
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  LogTo log_;
  std::string status_;
  std::string waiting_;  // why it is queued; ""
  bool has_ended_ = false;
  int attempt_ = 0;
  client::Progress progress_;
};

}  // namespace

awaitable<Result<Followed>> follow(Remote& remote, FollowOptions options) {
  RunFollower follower(remote, options);
  co_return co_await follower.follow();
}

awaitable<Result<std::string>> cancel_and_wait(client::Api& api, std::string path) {
  client::Call cancel;
  cancel.method = "POST";
  cancel.path = path + "/cancel";
  if (auto asked = co_await api.text(std::move(cancel)); !asked) co_return asked.error();
  client::Call wait;
  wait.path = std::move(path);
  wait.query = {{"wait", std::to_string(kUntilCancelled.count())}};
  wait.waits = kUntilCancelled;
  co_return co_await api.text(std::move(wait));
}

awaitable<Result<bool>> wait_for_end(client::Api& api, std::string path,
                                     std::optional<double> timeout_s) {
  using std::chrono::seconds;
  std::optional<base::Deadline> deadline;
  if (timeout_s) {
    deadline = base::after(
        std::chrono::milliseconds(base::whole<std::int64_t>(std::min(*timeout_s, 1e9) * 1e3)));
  }
  while (true) {
    seconds wait = kOneWait;
    if (deadline) {
      const auto left = *deadline - std::chrono::steady_clock::now();
      wait = std::clamp(std::chrono::ceil<seconds>(left), seconds(0), kOneWait);
    }
    client::Call call;
    call.path = path;
    if (wait.count() > 0) call.query = {{"wait", std::to_string(wait.count())}};
    call.waits = wait;
    const auto json = co_await api.text(std::move(call));
    if (!json) co_return json.error();
    const auto status = model::parse_status(client::text_member(*json, "status"));
    if (!status) co_return client::broken();
    if (model::is_end(*status)) co_return true;
    if (deadline && std::chrono::steady_clock::now() >= *deadline) co_return false;
  }
}

}  // namespace mecapy::main
