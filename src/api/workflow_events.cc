// Server-sent events of one run of a workflow.
//
// The id of an event is a cursor, ATTEMPT.STATUS.REVISION: of nodes, what changed in later
// revisions is told. It needs no memory of ours. Who comes again
// hears of what the runs of nodes write and report from its begin, where they still run.
#include <array>
#include <charconv>

#include "api/bell.h"
#include "api/node_news.h"
#include "api/sse.h"
#include "api/workflow_calls.h"
#include "wire/json.h"

namespace mecapy::api {
namespace {

// The status last told: 0 none, 1 running, 2 ended.
struct Cursor {
  std::int64_t attempt = 0;
  std::int64_t status = 0;
  std::int64_t revision = 0;

  std::string str() const {
    return std::to_string(attempt) + "." + std::to_string(status) + "." + std::to_string(revision);
  }
};

Cursor parse_cursor(std::string_view text) {
  const auto parts = dotted_numbers<3>(text);
  if (!parts) return {};
  return {(*parts)[0], (*parts)[1], (*parts)[2]};
}

std::string status_event(const Cursor& cursor, model::RunStatus status) {
  return sse_event("status", cursor.str(),
                   std::move(wire::ObjectWriter()
                                 .text("status", model::name(status))
                                 .integer("attempt", cursor.attempt))
                       .finish());
}

class Follower {
 public:
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  Follower(Api& api, std::string user, const model::Workflow& definition, Cursor cursor,
           net::ResponseStream& out, Bell& bell)
      : definition_(definition),
        cursor_(cursor),
        out_(out),
        nodes_(api, std::move(user), definition, out, bell, [this] { return cursor_.str(); }) {}

  // What the watcher has not heard; moves the cursor. False when the watcher is gone.
  awaitable<bool> tell(const model::WorkflowRun& run) {
    if (cursor_.attempt > run.attempt || cursor_.revision > run.revision) cursor_ = {};
    if (!co_await send(begin_of(run))) co_return false;
    std::vector<std::size_t> changed;
    for (std::size_t i = 0; i < run.nodes.size(); ++i) {
      if (run.nodes[i].changed > cursor_.revision) changed.push_back(i);
    }
    for (const std::size_t place : changed) {
      if (!co_await nodes_.changed(place, run)) co_return false;
      // Who leaves before the last of them hears all of them again.
      if (place == changed.back()) cursor_.revision = run.revision;
      const std::string node = wire::workflow_node_json(definition_, run, place);
      if (!co_await send(sse_event("node", cursor_.str(), node))) co_return false;
    }
    cursor_.revision = run.revision;
    if (!model::is_end(run.state.status)) co_return true;
    cursor_.status = 2;
    co_return co_await send(status_event(cursor_, model::public_status(run.state.status)));
  }
  awaitable<bool> tell_live() { return nodes_.live(); }
  awaitable<bool> send(std::string text) {
    if (text.empty()) co_return true;
    const auto sent = co_await out_.write(std::move(text));
    co_return bool(sent);
  }

 private:
  std::string begin_of(const model::WorkflowRun& run) {
    if (cursor_.attempt == run.attempt && cursor_.status != 0) return "";
    cursor_.attempt = run.attempt;
    cursor_.status = 1;
    return status_event(cursor_, model::RunStatus::running);
  }

  const model::Workflow& definition_;
  Cursor cursor_;
  net::ResponseStream& out_;
  NodeNews nodes_;
};

awaitable<Result<std::shared_ptr<const model::Workflow>>> watched_definition(
    Api& api, const std::string& user, const model::WorkflowRunId& id) {
  const auto run = co_await Routes::parts(api).store.workflows().get_run(user, id);
  if (!run) co_return run.error();
  co_return co_await definition_of(api, *run);
}

// Of what is watched only what is told is kept between two looks, as there may be many watchers.
awaitable<void> follow(Api& api, std::string user, model::WorkflowRunId id, feed::Channel& channel,
                       Follower& follower, Bell& bell) {
  std::uint64_t seen = 0;
  bool look = true;
  while (true) {
    if (std::exchange(seen, channel.state().version) != channel.state().version || look) {
      const auto now = co_await Routes::parts(api).store.workflows().get_run(user, id);
      if (!now || !co_await follower.tell(*now) || model::is_end(now->state.status)) co_return;
    }
    if (!co_await follower.tell_live()) co_return;
    look = !co_await bell.rang(base::after(kKeepAlive));
    if (look && !co_await follower.send(std::string(kStillHere))) co_return;
  }
}

}  // namespace

awaitable<Answer> Routes::workflow_run_events(Api& api, Call& call) {
  auto id = workflow_run_id(call);
  if (!id) co_return id.error();
  const auto channel = channel_of(api, *id);
  const std::string& user = call.caller.user;
  auto definition = co_await watched_definition(api, user, *id);
  if (!definition) co_return definition.error();
  const Cursor cursor = parse_cursor(call.request().header("last-event-id").value_or(""));
  const Counted counted(event_streams(api));
  const auto bell = std::make_shared<Bell>(co_await boost::asio::this_coro::executor);
  bell->hear(channel, false);
  auto out = co_await call.exchange.start_stream(sse_head(), std::nullopt);
  Follower follower(api, user, **definition, cursor, *out, *bell);
  co_await follow(api, user, *id, *channel, follower, *bell);
  co_return std::optional<net::Response>();
}

}  // namespace mecapy::api
