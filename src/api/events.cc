// Server-sent events of one run (WHATWG HTML, "Server-sent events").
//
// The id of an event is a cursor into what the run has told so far: ATTEMPT.STATUS.LOGBYTES. It
// needs no memory of ours: after a reconnect, or a restart of the server, the stream goes on behind
// it.
#include <optional>

#include "api/log_reader.h"
#include "api/routes.h"
#include "api/sse.h"
#include "wire/json.h"

namespace mecapy::api {
namespace {

constexpr std::int64_t kLongestLog = 1L << 40;  // bytes; no cursor of ours is behind it

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
  const auto parts = dotted_numbers<3>(text);
  if (!parts || (*parts)[0] > 1'000'000 || (*parts)[1] > 3 || (*parts)[2] > kLongestLog) return {};
  return {static_cast<int>((*parts)[0]), static_cast<int>((*parts)[1]),
          static_cast<std::size_t>((*parts)[2])};
}

int rank(model::RunStatus status) {
  if (model::is_end(status)) return 3;
  return status == model::RunStatus::running ? 2 : 1;
}

std::string event(std::string_view type, const Cursor& cursor, std::string data) {
  return sse_event(type, cursor.str(), std::move(data));
}

// Moves a cursor to the beginning of `attempt`, when it is elsewhere.
void begin_attempt(Cursor& cursor, int attempt) {
  if (attempt != cursor.attempt) cursor = {attempt, cursor.status == 1 && attempt == 1 ? 1 : 0, 0};
}

std::string status_news(Cursor& cursor, model::RunStatus status, int attempt) {
  if (rank(status) == cursor.status) return "";
  cursor.status = rank(status);
  return event(
      "status", cursor,
      std::move(
          wire::ObjectWriter().text("status", model::name(status)).integer("attempt", attempt))
          .finish());
}

// What follows in the log behind the cursor.
std::string log_news(Cursor& cursor, std::string_view text) {
  if (text.empty()) return "";
  cursor.log += text.size();
  return event("log", cursor, std::move(wire::ObjectWriter().text("text", text)).finish());
}

// Tells what a watcher at `cursor` of a run that has not ended has not heard yet, at most one piece
// of log; moves the cursor.
std::string news(Cursor& cursor, model::RunStatus status, int attempt, std::string_view log) {
  begin_attempt(cursor, attempt);
  std::string out = status_news(cursor, status, attempt);
  out += log_news(cursor, piece_of(log, cursor.log));
  return out;
}

// The rest of the log, piece by piece, and the end. A stream that stops before it has told the end,
// as when the log cannot be read now, can be resumed.
awaitable<void> tell_end(Api& api, const model::Run& run, Cursor cursor, net::ResponseStream& out) {
  begin_attempt(cursor, run.attempt);
  auto log = co_await LogReader::open(Routes::parts(api).objects, run, cursor.log);
  while (log) {
    const auto piece = co_await log->next();
    if (!piece) co_return;
    const bool last = piece->empty();
    const std::string text =
        last ? status_news(cursor, run.status, run.attempt) : log_news(cursor, *piece);
    const auto sent = co_await out.write(text);
    if (last || !sent) co_return;
  }
}

// Follows a run until it ends or the watcher goes.
awaitable<void> follow(Api& api, model::Run run, Cursor cursor, net::ResponseStream& out) {
  const auto channel = Routes::parts(api).feed.watch(run.id);
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
    if (live && cursor.log < channel->state().log.size()) continue;
    const base::Deadline look = base::after(kKeepAlive);
    co_await channel->changed(seen, look);
    if (channel->state().version != seen) continue;
    if (const auto sent = co_await out.write(std::string(kStillHere)); !sent) co_return;
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
  // Before the look into the store: nothing is missed.
  const auto channel = parts(api).feed.open(*id);
  auto run = co_await parts(api).store.get_run(call.caller.user, *id);
  if (!run) co_return run.error();
  const Cursor cursor = parse_cursor(call.request().header("last-event-id").value_or(""));
  const Counted counted(event_streams(api));
  auto out = co_await call.exchange.start_stream(sse_head(), std::nullopt);
  co_await follow(api, std::move(*run), cursor, *out);
  co_return std::optional<net::Response>();
}

}  // namespace mecapy::api
