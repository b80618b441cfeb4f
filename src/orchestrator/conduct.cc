#include "orchestrator/conduct.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "base/overloaded.h"
#include "base/utf8.h"
#include "model/outcome.h"
#include "wire/workflow_json.h"

namespace mecapy::orchestrator {

namespace asio = boost::asio;
using model::NodeStatus;
using model::WorkflowStatus;

namespace {

constexpr int kPage = 200;
constexpr std::size_t kMostEvents = 64;       // of one step
constexpr std::size_t kMostOfMessage = 2000;  // bytes
constexpr std::chrono::seconds kDeadline{60};

// What has nothing to do with the calculation: it may be there the next time.
bool may_pass(const Error& error) {
  switch (error.code) {
    case ErrorCode::storage:
    case ErrorCode::unavailable:
    case ErrorCode::deadline_exceeded:
    case ErrorCode::draining:
    case ErrorCode::busy:
      return true;
    default:
      return false;
  }
}

model::NodeError node_error(const Error& error) {
  const std::string_view code =
      error.code == ErrorCode::invalid_fields || error.code == ErrorCode::too_large
          ? "invalid_inputs"
          : base::row(error.code).name;
  std::string message = error.message;
  for (const base::FieldProblem& problem : error.problems) message += "; " + problem.detail;
  return {std::string(code), base::one_line(message, kMostOfMessage), {}, {}};
}

std::set<std::size_t> differences(const model::WorkflowState& one,
                                  const model::WorkflowState& other) {
  std::set<std::size_t> places;
  for (std::size_t i = 0; i < one.nodes.size(); ++i) {
    if (one.nodes[i] != other.nodes[i]) places.insert(i);
  }
  return places;
}

}  // namespace

// What one transaction is to write.
struct Conduct::Step {
  model::WorkflowRun run;
  std::set<std::size_t> changed{};  // nodes whose record is another
  std::vector<model::Run> begin{};
  std::vector<Place> places{};  // of these
  std::set<std::size_t> to_read{};
  bool cancel_runs = false;
};

Conduct::Conduct(asio::io_context& io, const Parts& parts, const Options& options,
                 std::shared_ptr<Shares> shares, std::shared_ptr<Held> held,
                 model::WorkflowRunId id)
    : io_(io),
      parts_(parts),
      options_(options),
      shares_(std::move(shares)),
      held_(std::move(held)),
      id_(std::move(id)),
      channel_(parts.feed.open(model::as_run(id_))),
      timer_(io) {}

void Conduct::wake() {
  woken_ = true;
  timer_.cancel();
}

void Conduct::run_ended(const model::RunId& id) {
  if (!open_.contains(id)) return;
  ended_.push_back(id);
  timer_.cancel();
}

void Conduct::stop() {
  stopped_ = true;
  wake();
}

// Whether there are elements that could begin, were there room.
bool Conduct::wants_runs() const {
  return run_.state.status == WorkflowStatus::running &&
         std::ranges::any_of(run_.state.nodes, [](const model::NodeState& node) {
           return node.status == NodeStatus::running && node.begun < node.elements;
         });
}

awaitable<Result<void>> Conduct::play() {
  if (auto loaded = co_await load(); !loaded) {
    if (loaded.error().code == ErrorCode::not_found) co_return Result<void>{};  // another's
    co_return loaded.error();
  }
  tell();
  if (auto taken = co_await take_up(); !taken) co_return taken.error();
  while (!stopped_ && !model::is_end(run_.state.status)) {
    values_->settle();
    if (auto done = co_await read_nodes(); !done) co_return done.error();
    if (!events_.empty() || !again_.empty()) {
      auto done = co_await advance();
      if (!done && done.error().code == ErrorCode::conflict) co_return Result<void>{};  // another's
      if (!done) co_return done.error();
      continue;
    }
    co_await wait();
    if (stopped_) break;
    if (auto looked = co_await look(); !looked) co_return looked.error();
  }
  co_return Result<void>{};
}

awaitable<Result<void>> Conduct::load() {
  auto loaded = co_await parts_.store.workflows().load(id_, options_.claimant);
  if (!loaded) co_return loaded.error();
  auto definition = wire::read_definition(loaded->definition_json);
  if (!definition) co_return definition.error();
  run_ = std::move(*loaded);
  run_.definition_json = {};  // each step copies the run
  definition_ = std::move(*definition);
  plan_.emplace(definition_);
  for (std::size_t i = 0; i < definition_.nodes.size(); ++i) {
    if (definition_.nodes[i].each) lists_.push_back(i);
  }
  values_ = std::make_unique<Values>(parts_, definition_, run_, held_);
  maker_.emplace(parts_, options_, definition_, run_, *values_);
  room_.emplace(std::move(shares_), run_.user, [this] { timer_.cancel(); });
  co_return Result<void>{};
}

// From what the store has: which may be after a crash anywhere.
awaitable<Result<void>> Conduct::take_up() {
  for (const workflow::Action& action : plan_->again(run_.state)) {
    if (const auto* one = std::get_if<workflow::ReadNode>(&action)) to_read_.insert(one->node);
  }
  for (std::size_t i = 0; i < run_.nodes.size(); ++i) {
    if (run_.state.nodes[i].open.empty()) continue;
    if (auto found = co_await find_open(i); !found) co_return found.error();
  }
  events_.emplace_back(workflow::Begun{});
  if (run_.state.status == WorkflowStatus::cancelling) {
    co_await cancel_open();
  }
  woken_ = true;  // a cancel may have been asked for, and runs may have ended
  co_return co_await look();
}

// The runs of a node's open elements: they were written with the state that has them open.
awaitable<Result<void>> Conduct::find_open(std::size_t node) {
  const std::vector<std::size_t>& open = run_.state.nodes[node].open;
  int after = static_cast<int>(open.front()) - 1;
  while (after < static_cast<int>(open.back())) {
    auto runs =
        co_await parts_.store.workflows().element_runs(id_, static_cast<int>(node), after, kPage);
    if (!runs) co_return runs.error();
    for (const store::ElementRun& one : *runs) {
      after = one.element;
      const auto element = static_cast<std::size_t>(one.element);
      if (!std::ranges::binary_search(open, element)) continue;
      watch(one.run.id);
      open_.emplace(one.run.id, Open{{node, element}, room_->begun(one.run)});
      ended_.push_back(one.run.id);  // look() sees whether it has
    }
    if (static_cast<int>(runs->size()) < kPage) break;
  }
  co_return Result<void>{};
}

// ---- what happens

awaitable<Result<void>> Conduct::read_nodes() {
  while (!to_read_.empty() && !stopped_) {
    const std::size_t node = *to_read_.begin();
    auto event = co_await read(node);
    if (!event) co_return event.error();
    events_.push_back(*event);
    to_read_.erase(node);
    if (values_->beyond()) values_->settle();
  }
  co_return Result<void>{};
}

awaitable<Result<workflow::Event>> Conduct::read(std::size_t place) {
  const model::WorkflowNode& node = definition_.nodes[place];
  if (node.when) {
    auto wanted = co_await values_->truth(*node.when);
    if (wanted && !*wanted) co_return workflow::Event(workflow::NotWanted{place});
    if (!wanted && may_pass(wanted.error())) co_return wanted.error();
    if (!wanted) {
      errors_.insert_or_assign(Place{place, 0}, node_error(wanted.error()));
      co_return workflow::Event(workflow::Unreadable{place});
    }
  }
  if (!node.each) co_return workflow::Event(workflow::Read{place, 1});
  auto list = co_await values_->list(*node.each);
  if (list) co_return workflow::Event(workflow::Read{place, (*list)->items.size()});
  if (may_pass(list.error())) co_return list.error();
  errors_.insert_or_assign(Place{place, 0}, node_error(list.error()));
  co_return workflow::Event(workflow::Unreadable{place});
}

// What the store has of the runs that have ended, and from time to time of a cancel. When nothing
// was told for long, of all.
awaitable<Result<void>> Conduct::look() {
  const bool woken = std::exchange(woken_, false);
  std::vector<model::RunId> ids = std::exchange(ended_, {});
  const bool told = !ids.empty();
  if (!told && !woken) {
    for (const auto& [id, one] : open_) ids.push_back(id);
  }
  if (!ids.empty()) {
    const bool with_results = std::ranges::any_of(ids, [this](const model::RunId& id) {
      const auto it = open_.find(id);
      return it != open_.end() && !definition_.nodes[it->second.place.node].each;
    });
    auto ends = co_await parts_.store.workflows().run_ends(ids, with_results);
    if (!ends) co_return ends.error();
    for (store::NodeRunEnd& end : *ends) hear(std::move(end));
  }
  const bool cancelling = run_.state.status == WorkflowStatus::cancelling;
  const auto now_at = std::chrono::steady_clock::now();
  const bool is_due = woken || !told || now_at - looked_at_ >= options_.look_every;
  if (cancelling || !is_due) co_return Result<void>{};
  looked_at_ = now_at;
  auto now = co_await parts_.store.workflows().get_run(run_.user, id_);
  if (!now) co_return now.error();
  run_.cancel_requested = now->cancel_requested;
  if (now->cancel_requested) events_.emplace_back(workflow::CancelAsked{});
  co_return Result<void>{};
}

void Conduct::hear(store::NodeRunEnd end) {
  const auto it = open_.find(end.run_id);
  if (it == open_.end() || !model::is_end(end.status)) return;
  const Place place = it->second.place;
  room_->ended(it->second.room);
  open_.erase(it);
  if (end.status == model::RunStatus::completed) {
    if (!definition_.nodes[place.node].each) values_->learn(place.node, std::move(end.result));
    events_.emplace_back(workflow::Ended{place.node, place.element, false});
    return;
  }
  const bool cancelled = end.status == model::RunStatus::cancelled;
  model::NodeError why{cancelled ? "cancelled" : end.code,
                       cancelled ? "its run was cancelled" : end.message,
                       end.run_id,
                       {}};
  const auto& tries = run_.nodes[place.node].tries;
  const auto tried = tries.find(place.element);
  const int failures = 1 + (tried == tries.end() ? 0 : tried->second);
  if (!cancelled && failures < definition_.nodes[place.node].attempts) {
    again_.insert_or_assign(place, std::move(why));
  } else {
    give_up(place, std::move(why));
  }
}

void Conduct::give_up(Place place, model::NodeError why) {
  if (definition_.nodes[place.node].each) why.element = place.element;
  errors_.insert_or_assign(place, std::move(why));
  events_.emplace_back(workflow::Ended{place.node, place.element, true});
}

void Conduct::watch(const model::RunId& id) {
  asio::co_spawn(
      io_,
      [self = weak_from_this(), id, channel = parts_.feed.open(id)]() -> awaitable<void> {
        while (!model::is_end(channel->state().status)) {
          co_await channel->changed(channel->state().version,
                                    base::after(std::chrono::seconds(30)));
          const auto conduct = self.lock();
          if (!conduct || conduct->stopped_ || !conduct->open_.contains(id)) co_return;
        }
        if (const auto conduct = self.lock()) conduct->run_ended(id);
      },
      asio::detached);
}

awaitable<void> Conduct::wait() {
  if (!ended_.empty() || woken_) co_return;
  const bool wants = wants_runs();
  if (room_->granted() > 0 && wants) {
    events_.emplace_back(workflow::Begun{});
    co_return;
  }
  room_->give_back();
  if (wants) {
    room_->wait();
  } else {
    room_->stop_waiting();
  }
  timer_.expires_after(options_.look_every);
  boost::system::error_code ec;
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  if (wants && room_->granted() == 0) room_->take();  // there may be more room than before
  if (wants && room_->granted() > 0) events_.emplace_back(workflow::Begun{});
}

// ---- what is done

// One transaction further. conflict when the run of the workflow is in another's care.
awaitable<Result<void>> Conduct::advance() {
  const std::deque<workflow::Event> events = events_;
  const auto again = again_;
  while (true) {
    Step step{run_};
    room_->take();
    auto filled = co_await fill(step);
    auto written = filled ? co_await write(step) : Result<bool>(filled.error());
    room_->give_back();
    values_->see(run_.state);
    if (!written) co_return written.error();
    if (*written) co_return Result<void>{};
    events_ = events;  // with what was refused known now
    again_ = again;
  }
}

awaitable<Result<void>> Conduct::fill(Step& step) {
  values_->see(step.run.state);
  for (std::size_t count = 0; count < kMostEvents; ++count) {
    if (events_.empty() && step.to_read.empty()) break;
    if (count > 0 && values_->beyond()) break;
    if (events_.empty()) {  // what is needed is there: no need to come again for it
      const std::size_t node = *step.to_read.begin();
      auto event = co_await read(node);
      if (!event) co_return event.error();
      step.to_read.erase(node);
      events_.push_back(*event);
    }
    const workflow::Event event = events_.front();
    events_.pop_front();
    const auto actions = plan_->step(step.run.state, event, room_->width());
    for (const workflow::Action& action : actions) {
      if (auto done = co_await act(step, action); !done) co_return done.error();
    }
  }
  if (auto done = co_await try_again(step); !done) co_return done.error();
  note_changes(step);
  co_return Result<void>{};
}

// What ends anyway is not tried again.
awaitable<Result<void>> Conduct::try_again(Step& step) {
  for (auto& [place, why] : std::exchange(again_, {})) {
    if (step.run.state.status != WorkflowStatus::running) {
      give_up(place, std::move(why));
      continue;
    }
    ++step.run.nodes[place.node].tries[place.element];
    step.changed.insert(place.node);
    if (auto begun = co_await begin(step, place); !begun) co_return begun.error();
  }
  co_return Result<void>{};
}

void Conduct::note_changes(Step& step) {
  const base::TimePoint now = parts_.clock.now();
  for (const std::size_t node : differences(run_.state, step.run.state)) {
    step.changed.insert(node);
    model::NodeRecord& record = step.run.nodes[node];
    const model::NodeState& state = step.run.state.nodes[node];
    if (state.begun > 0 && !record.started_at) record.started_at = now;
    if (state.status >= NodeStatus::completed && !record.finished_at) record.finished_at = now;
    std::erase_if(record.tries, [&](const auto& tried) {
      return !std::ranges::binary_search(state.open, tried.first);
    });
  }
  for (const auto& [place, error] : errors_) {
    model::NodeRecord& record = step.run.nodes[place.node];
    if (record.error) continue;
    record.error = error;
    step.changed.insert(place.node);
  }
}

awaitable<Result<void>> Conduct::act(Step& step, const workflow::Action& action) {
  if (const auto* one = std::get_if<workflow::ReadNode>(&action)) {
    step.to_read.insert(one->node);
  } else if (const auto* runs = std::get_if<workflow::BeginRuns>(&action)) {
    for (std::size_t i = 0; i < runs->count; ++i) {
      auto begun = co_await begin(step, {runs->node, runs->first + i});
      if (!begun) co_return begun.error();
    }
  } else if (std::holds_alternative<workflow::CancelRuns>(action)) {
    step.cancel_runs = true;
  } else {
    co_return co_await finish(step);
  }
  co_return Result<void>{};
}

awaitable<Result<void>> Conduct::begin(Step& step, Place place) {
  const auto refused = refused_.find(place);
  auto run = refused != refused_.end()
                 ? Result<model::Run>(refused->second)
                 : co_await maker_->make(step.run.nodes[place.node], place.node, place.element,
                                         !uncached_.contains(place));
  if (!run && may_pass(run.error())) co_return run.error();
  if (!run) {
    give_up(place, node_error(run.error()));
    co_return Result<void>{};
  }
  model::NodeRecord& record = step.run.nodes[place.node];
  step.changed.insert(place.node);
  if (!definition_.nodes[place.node].each) {
    record.run_id = run->id;
    record.reused_from = run->cached_from;
  }
  if (!run->cached_from.empty()) ++record.reused;
  step.begin.push_back(std::move(*run));
  step.places.push_back(place);
  co_return Result<void>{};
}

// The results of what is completed, or why it is not.
awaitable<Result<void>> Conduct::finish(Step& step) {
  model::WorkflowRun& run = step.run;
  if (run.state.status == WorkflowStatus::completed) {
    auto result = co_await values_->object(definition_.outputs);
    if (!result && may_pass(result.error())) co_return result.error();
    if (!result) {
      run.state.status = WorkflowStatus::failed;
      run.error = node_error(result.error());
      run.error->message = "output " + run.error->message;
      co_return Result<void>{};
    }
    run.result = {std::move(*result), ""};
    if (static_cast<std::int64_t>(run.result.inline_bytes.size()) > options_.inline_limit) {
      const std::string key = "results/" + model::object_stem(id_.str(), run_.attempt) + ".json";
      auto put = co_await parts_.objects.put(key, run.result.inline_bytes, base::after(kDeadline));
      // One that is there was written before a crash, by the same state.
      if (!put && put.error().code != ErrorCode::conflict) co_return put.error();
      run.result = {"", key};
    }
  }
  if (run.state.status != WorkflowStatus::failed) co_return Result<void>{};
  for (std::size_t i = 0; i < run.nodes.size(); ++i) {
    if (run.state.nodes[i].status != NodeStatus::failed) continue;
    run.failed_node = definition_.nodes[i].name;
    run.error = run.nodes[i].error;
    for (const auto& [place, error] : errors_) {
      if (place.node == i && !run.error) run.error = error;
    }
    break;
  }
  co_return Result<void>{};
}

// False when a run of it was refused; that is known then.
awaitable<Result<bool>> Conduct::write(Step& step) {
  store::WorkflowStep wanted{step.run,
                             {step.changed.begin(), step.changed.end()},
                             options_.claimant,
                             step.begin,
                             parts_.budget(run_.user)};
  auto stepped = co_await parts_.store.workflows().step(std::move(wanted));
  if (!stepped) co_return stepped.error();
  if (stepped->refused) {
    const Place place = step.places[stepped->refused->which];
    const model::Run& run = step.begin[stepped->refused->which];
    const Error& why = stepped->refused->why;
    if (!run.cached_from.empty() && why.code == ErrorCode::not_found) {
      uncached_.insert(place);
    } else {
      refused_.insert_or_assign(place, why);
    }
    co_return false;
  }
  if (!stepped->done) co_return fail(ErrorCode::conflict, "the run of the workflow is another's");
  run_ = std::move(step.run);
  ++run_.revision;
  values_->forget_results();
  errors_.clear();
  refused_.clear();
  if (model::is_end(run_.state.status)) parts_.on_end(run_);
  co_await follow_up(step, std::move(stepped->begun));
  co_return true;
}

// What the store has now is done.
awaitable<void> Conduct::follow_up(const Step& step, std::vector<model::Run> begun) {
  to_read_.insert(step.to_read.begin(), step.to_read.end());
  for (std::size_t i = 0; i < begun.size(); ++i) {
    const Place place = step.places[i];
    if (model::is_end(begun[i].status)) {
      events_.emplace_back(workflow::Ended{place.node, place.element, false});
      continue;
    }
    open_.emplace(begun[i].id, Open{place, room_->begun(begun[i])});
    watch(begun[i].id);
    parts_.submitted(begun[i]);
  }
  std::vector<const model::Source*> lists;
  for (const std::size_t node : lists_) {
    if (!model::is_end(run_.state.status) && run_.state.nodes[node].status < NodeStatus::completed)
      lists.push_back(&*definition_.nodes[node].each);
  }
  co_await values_->keep_lists(lists);
  // Runs elsewhere leave room for more.
  if (room_->granted() > 0 && wants_runs()) events_.emplace_back(workflow::Begun{});
  tell();
  if (step.cancel_runs) co_await cancel_open();
}

awaitable<void> Conduct::cancel_open() {
  std::vector<model::RunId> ids;
  for (const auto& [id, one] : open_) ids.push_back(id);
  for (const model::RunId& id : ids) co_await parts_.cancel(run_.user, id);
}

// Watchers look into the store then.
void Conduct::tell() {
  const model::RunStatus status = model::public_status(run_.state.status);
  if (channel_->state().status != status || channel_->state().attempt != run_.attempt) {
    channel_->set_status(status, run_.attempt);
  }
  channel_->set_progress(run_.attempt, R"({"revision":)" + std::to_string(run_.revision) + "}");
}

}  // namespace mecapy::orchestrator
