// Server-sent events of one run (WHATWG HTML, "Server-sent events").
//
// The id of an event is a cursor into what the run has told so far: ATTEMPT.STATUS.LOGBYTES. It
// needs no memory of ours: after a reconnect, or a restart of the server, the stream goes on behind
// it.
#include <array>
#include <charconv>

#include "api/routes.h"
#include "wire/json.h"

namespace mecapy::api {
namespace {

constexpr std::chrono::seconds kKeepAlive{10};

// Where a watcher is: the attempt, the status last told (0 none, 1 queued, 2 running, 3 ended) and
// the bytes of this attempt's log it has.
struct Cursor {
  int attempt = 0;
  int status = 0;
  std::size_t log = 0;

  std::string str() const {
    return std::to_string(attempt) + "." + std::to_string(status) + "." + std::to_string(log);
  }
};

Cursor parse_cursor(std::string_view text) {
  std::array<std::size_t, 3> parts{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto read = std::from_chars(at, end, parts[i]);
    const bool last = i + 1 == parts.size();
    if (read.ec != std::errc() || (last ? read.ptr != end : read.ptr == end || *read.ptr != '.')) {
      return {};
    }
    at = read.ptr + 1;
  }
  if (parts[0] > 1'000'000 || parts[1] > 3) return {};
  return {static_cast<int>(parts[0]), static_cast<int>(parts[1]), parts[2]};
}

int rank(model::RunStatus status) {
  if (model::is_end(status)) return 3;
  return status == model::RunStatus::running ? 2 : 1;
}

std::string event(std::string_view type, const Cursor& cursor, const std::string& data) {
  return "id: " + cursor.str() + "\nevent: " + std::string(type) + "\ndata: " + data + "\n\n";
}

// Tells what a watcher at `cursor` has not heard yet; moves the cursor.
std::string news(Cursor& cursor, model::RunStatus status, int attempt, std::string_view log) {
  std::string out;
  if (attempt != cursor.attempt) cursor = {attempt, cursor.status == 1 && attempt == 1 ? 1 : 0, 0};
  const auto tell_status = [&] {
    if (rank(status) == cursor.status) return;
    cursor.status = rank(status);
    out += event(
        "status", cursor,
        std::move(
            wire::ObjectWriter().text("status", model::name(status)).integer("attempt", attempt))
            .finish());
  };
  if (!model::is_end(status)) tell_status();
  if (log.size() > cursor.log) {
    const std::string text(log.substr(cursor.log));
    cursor.log = log.size();
    out += event("log", cursor, std::move(wire::ObjectWriter().text("text", text)).finish());
  }
  if (model::is_end(status)) tell_status();
  return out;
}

awaitable<void> tell_end(Api& api, const model::Run& run, Cursor cursor, net::ResponseStream& out) {
  auto log = co_await load_log(api, run);
  const std::string text = log ? std::move(*log) : std::string();
  const std::string last = news(cursor, run.status, run.attempt, text);
  (void)co_await out.write(last);
}

// Follows a run until it ends or the watcher goes.
awaitable<void> follow(Api& api, model::Run run, Cursor cursor, net::ResponseStream& out) {
  const auto channel = Routes::parts(api).feed.open(run.id);
  std::string told_progress;
  while (true) {
    const feed::Channel::State& state = channel->state();
    const bool live = state.attempt >= run.attempt && state.attempt > 0;
    if (model::is_end(run.status) || (live && model::is_end(state.status))) break;
    const std::uint64_t seen = state.version;
    std::string text = live ? news(cursor, state.status, state.attempt, state.log)
                            : news(cursor, run.status, run.attempt, "");
    if (live && !state.progress.empty() && state.progress != told_progress) {
      told_progress = state.progress;
      text += event("progress", cursor, state.progress);
    }
    if (!text.empty()) {
      if (const auto sent = co_await out.write(text); !sent) co_return;
    }
    const base::Deadline look = base::after(kKeepAlive);
    co_await channel->changed(seen, look);
    if (channel->state().version != seen) continue;
    if (const auto sent = co_await out.write(": still here\n\n"); !sent) co_return;
    if (auto now = co_await Routes::parts(api).store.get_run(run.user, run.id))
      run = std::move(*now);
  }
  auto ended = co_await Routes::parts(api).store.get_run(run.user, run.id);
  if (ended) co_await tell_end(api, *ended, cursor, out);
}

}  // namespace

awaitable<Answer> Routes::run_events(Api& api, Call& call) {
  auto id = run_id(call);
  if (!id) co_return id.error();
  const auto channel =
      parts(api).feed.open(*id);  // before the look into the store: nothing is missed
  auto run = co_await parts(api).store.get_run(call.caller.user, *id);
  if (!run) co_return run.error();
  const Cursor cursor = parse_cursor(call.request().header("last-event-id").value_or(""));
  net::Response head;
  head.content_type = "text/event-stream";
  head.headers = {{"Cache-Control", "no-store"}};
  auto out = co_await call.exchange.start_stream(std::move(head), std::nullopt);
  co_await follow(api, std::move(*run), cursor, *out);
  co_return std::optional<net::Response>();
}

}  // namespace mecapy::api
