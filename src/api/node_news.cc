#include "api/node_news.h"

#include <vector>

#include "api/log_reader.h"
#include "api/sse.h"
#include "wire/json.h"

namespace mecapy::api {

awaitable<bool> NodeNews::changed(std::size_t place, const model::WorkflowRun& run) {
  if (definition_.nodes[place].each) co_return true;
  const model::NodeRecord& record = run.nodes[place];
  if (const auto it = watched_.find(place);
      it != watched_.end() && it->second.run_id != record.run_id) {  // it is tried again
    Watched before = std::move(it->second);
    watched_.erase(it);
    if (!co_await finish(place, std::move(before))) co_return false;
  }
  if (record.run_id.empty() || !record.reused_from.empty()) co_return true;
  const auto [it, is_new] = watched_.try_emplace(place, Watched{record.run_id});
  if (run.state.nodes[place].status >= model::NodeStatus::completed) {
    Watched ended = std::move(it->second);
    watched_.erase(it);
    co_return co_await finish(place, std::move(ended));
  }
  if (is_new) {
    it->second.channel = Routes::parts(api_).feed.watch(record.run_id);
    bell_.hear(it->second.channel, true);
  }
  co_return true;
}

awaitable<bool> NodeNews::live() {
  for (auto& [place, one] : watched_) {
    if (!co_await live(place, one)) co_return false;
  }
  co_return true;
}

awaitable<bool> NodeNews::live(std::size_t place, Watched& one) {
  const feed::Channel::State& state = one.channel->state();
  while (true) {
    if (state.attempt > one.attempt) {
      one.attempt = state.attempt;
      one.log = 0;
    }
    const std::string_view piece =
        state.attempt == one.attempt ? piece_of(state.log, one.log) : std::string_view();
    if (piece.empty()) break;
    const auto sent = co_await out_.write(log_event(place, one, piece));
    if (!sent) co_return false;
  }
  if (state.progress.empty() || state.progress == one.progress) co_return true;
  one.progress = state.progress;
  std::string data = std::move(wire::ObjectWriter()
                                   .text("node", definition_.nodes[place].name)
                                   .text("run_id", one.run_id.str())
                                   .raw("progress", one.progress))
                         .finish();
  const auto sent = co_await out_.write(sse_event("progress", id_(), std::move(data)));
  co_return bool(sent);
}

// A log that cannot be read now, or is gone, is to be had of its run.
awaitable<bool> NodeNews::finish(std::size_t place, Watched one) {
  auto run = co_await Routes::parts(api_).store.get_run(user_, one.run_id);
  if (!run) co_return true;
  if (run->attempt != one.attempt) {
    one.attempt = run->attempt;
    one.log = 0;
  }
  auto log = co_await LogReader::open(Routes::parts(api_).objects, *run, one.log);
  while (log) {
    const auto piece = co_await log->next();
    if (!piece || piece->empty()) break;
    const auto sent = co_await out_.write(log_event(place, one, *piece));
    if (!sent) co_return false;
  }
  co_return true;
}

std::string NodeNews::log_event(std::size_t place, Watched& one, std::string_view text) const {
  std::string data = std::move(wire::ObjectWriter()
                                   .text("node", definition_.nodes[place].name)
                                   .text("run_id", one.run_id.str())
                                   .integer("attempt", one.attempt)
                                   .integer("at", static_cast<std::int64_t>(one.log))
                                   .text("text", text))
                         .finish();
  one.log += text.size();
  return sse_event("log", id_(), std::move(data));
}

}  // namespace mecapy::api
