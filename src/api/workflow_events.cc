// Server-sent events of one run of a workflow.
//
// The id of an event is a cursor, ATTEMPT.STATUS.REVISION: of nodes, what changed in later
// revisions is told. It needs no memory of ours.
#include <array>
#include <charconv>

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

std::string status_event(const Cursor& cursor, const model::WorkflowRun& run) {
  return sse_event(
      "status", cursor.str(),
      std::move(wire::ObjectWriter()
                    .text("status", model::name(model::public_status(run.state.status)))
                    .integer("attempt", run.attempt))
          .finish());
}

// What a watcher at `cursor` has not heard; moves the cursor.
std::string news(Cursor& cursor, const model::Workflow& definition, const model::WorkflowRun& run) {
  if (cursor.attempt > run.attempt || cursor.revision > run.revision) cursor = {};
  std::string out;
  if (cursor.attempt != run.attempt || cursor.status == 0) {
    cursor.attempt = run.attempt;
    cursor.status = 1;
    model::WorkflowRun begun = run;
    begun.state.status = model::WorkflowStatus::running;
    out += status_event(cursor, begun);
  }
  std::vector<std::size_t> changed;
  for (std::size_t i = 0; i < run.nodes.size(); ++i) {
    if (run.nodes[i].changed > cursor.revision) changed.push_back(i);
  }
  for (const std::size_t place : changed) {
    // Who leaves before the last of them hears all of them again.
    if (place == changed.back()) cursor.revision = run.revision;
    out += sse_event("node", cursor.str(), wire::workflow_node_json(definition, run, place));
  }
  cursor.revision = run.revision;
  if (model::is_end(run.state.status)) {
    cursor.status = 2;
    out += status_event(cursor, run);
  }
  return out;
}

awaitable<void> follow(Api& api, model::WorkflowRun run, Cursor cursor, feed::Channel& channel,
                       net::ResponseStream& out) {
  const auto definition = wire::read_definition(run.definition_json);
  if (!definition) co_return;
  while (true) {
    const std::uint64_t seen = channel.state().version;
    auto now = co_await Routes::parts(api).store.workflows().get_run(run.user, run.id);
    if (!now) co_return;
    const std::string text = news(cursor, *definition, *now);
    if (!text.empty()) {
      if (const auto sent = co_await out.write(text); !sent) co_return;
    }
    if (model::is_end(now->state.status)) co_return;
    co_await channel.changed(seen, base::after(kKeepAlive));
    if (channel.state().version != seen) continue;
    if (const auto sent = co_await out.write(std::string(kStillHere)); !sent) co_return;
  }
}

}  // namespace

awaitable<Answer> Routes::workflow_run_events(Api& api, Call& call) {
  auto id = workflow_run_id(call);
  if (!id) co_return id.error();
  const auto channel = channel_of(api, *id);
  auto run = co_await parts(api).store.workflows().get_run(call.caller.user, *id);
  if (!run) co_return run.error();
  const Cursor cursor = parse_cursor(call.request().header("last-event-id").value_or(""));
  const Counted counted(event_streams(api));
  auto out = co_await call.exchange.start_stream(sse_head(), std::nullopt);
  co_await follow(api, std::move(*run), cursor, *channel, *out);
  co_return std::optional<net::Response>();
}

}  // namespace mecapy::api
