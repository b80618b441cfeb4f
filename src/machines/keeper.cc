#include "machines/keeper.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/jitter.h"
#include "base/log.h"
#include "base/sha256.h"

namespace mecapy::machines {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr int kPage = 100;
// Waiting runs that one round looks at: so many that those nobody can place hide no other.
constexpr int kMostWanted = 10'000;
constexpr char kUnserved[] = "nobody here makes machines any more: machines.placers is empty";

}  // namespace

CallOptions Keeper::call_options(const Options& options) {
  CallOptions calls = options.calls;
  calls.keeper = options.keeper;
  calls.home_url = options.home_url;
  return calls;
}

Keeper::Keeper(asio::io_context& io, store::Store& store, feed::Feed& feed,
               std::vector<clouds::Placer*> placers, Options options)
    : io_(io),
      store_(store),
      feed_(feed),
      options_(std::move(options)),
      retry_(store, feed, options_.retry),
      offers_(std::move(placers)),
      calls_(io, store, offers_, call_options(options_),
             {[this](const model::Machine& machine, Event event, std::string said) {
                return fire(machine, event, std::move(said));
              },
              [this](const model::Machine& machine, std::string why) -> awaitable<void> {
                (void)co_await tell_waiting(machine.run_id, std::move(why));
              },
              [this] { wake(); }}),
      wake_timer_(io, steady_clock::time_point::max()),
      idle_timer_(io, steady_clock::time_point::max()) {}

Keeper::~Keeper() = default;

awaitable<Result<void>> Keeper::start() {
  auto renewed = co_await store_.machines().renew_at_home(options_.terms.lease);
  if (!renewed) co_return renewed.error();
  if (options_.owns_store) {
    auto taken = co_await store_.machines().take_over(options_.keeper, options_.terms.care);
    if (!taken) co_return taken.error();
  }
  if (auto seen = co_await look_first(); !seen) co_return seen.error();
  looping_ = true;
  asio::co_spawn(io_, loop(), [this](std::exception_ptr e) {
    looping_ = false;
    idle_timer_.cancel();
    if (e) base::log_error("the keeper of machines ended with an unexpected exception");
  });
  co_return Result<void>{};
}

// What there is before the first round, for who asks by then.
awaitable<Result<void>> Keeper::look_first() {
  started_ = steady_clock::now();
  auto left = co_await store_.machines().left();
  if (!left) co_return left.error();
  auto wanted = co_await store_.machines().wanted(kMostWanted);
  if (!wanted) co_return wanted.error();
  left_ = std::move(*left);
  wanted_ = wanted->size();
  co_return Result<void>{};
}

void Keeper::wake() {
  woken_ = true;
  wake_timer_.cancel();
}

void Keeper::look_at_once() {
  calls_.look_at_once();
  wake();
}

awaitable<void> Keeper::drain(base::Deadline deadline) {
  draining_ = true;
  wake();
  while (looping_ && steady_clock::now() < deadline) {
    idle_timer_.expires_at(deadline);
    boost::system::error_code ec;
    co_await idle_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
  co_await calls_.drain(deadline);
}

awaitable<void> Keeper::loop() {
  while (!draining_) {
    woken_ = false;
    auto done = co_await round();
    if (!done) {
      base::log_warn("machines could not be looked after", {{"error", done.error().message}});
    }
    if (draining_ || woken_) continue;
    const bool nothing = done && left_.empty() && wanted_ == 0;
    wake_timer_.expires_after(nothing ? options_.idle : options_.every);
    boost::system::error_code ec;
    co_await wake_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
}

awaitable<Result<void>> Keeper::round() {
  auto left = co_await store_.machines().left();
  if (!left) co_return left.error();
  left_ = std::move(*left);
  // Where there is no machine, nothing is written.
  if (left_.empty()) {
    calls_.keep_only({});
  } else if (auto done = co_await tend_all(); !done) {
    co_return done.error();
  }
  if (auto done = co_await release_dead(); !done) co_return done.error();
  if (offers_.placers().empty()) co_return co_await tell_unserved();
  co_return co_await make_wanted();
}

awaitable<Result<void>> Keeper::tend_all() {
  auto kept = co_await store_.machines().keep(options_.keeper, options_.terms.care);
  if (!kept) co_return kept.error();
  std::unordered_set<model::MachineId> there;
  for (const store::KeptMachine& one : *kept) {
    there.insert(one.machine.id);
    if (auto done = co_await tend(one); !done) co_return done.error();
  }
  calls_.keep_only(there);
  auto left = co_await store_.machines().left();
  if (!left) co_return left.error();
  left_ = std::move(*left);
  co_return Result<void>{};
}

// ---- what there is

awaitable<Result<void>> Keeper::tend(const store::KeptMachine& kept) {
  const model::Machine& machine = kept.machine;
  for (const Question& question : questions()) {
    if (question.state != machine.state || !holds(kept, question.event)) continue;
    auto fired = co_await fire(machine, question.event, said_of(kept, question.event));
    if (!fired) co_return fired.error();
    co_return Result<void>{};
  }
  if (machine.state == MachineState::booting || machine.state == MachineState::working) {
    calls_.look(machine);
  } else if (machine.state == MachineState::ending) {
    calls_.destroy(machine);
  }
  co_return Result<void>{};
}

bool Keeper::holds(const store::KeptMachine& kept, Event event) const {
  const model::Machine& machine = kept.machine;
  switch (event) {
    case Event::unwanted:
      // The token of one that is intended was known to who intended it, and to nobody else.
      return !kept.wanted() ||
             (machine.state == MachineState::intended && !calls_.has_token(machine.id));
    case Event::begun:
      return true;
    case Event::left_behind:
      return !calls_.busy(machine.id);
    case Event::silent:
      return kept.silent;
    case Event::outlived:
      return kept.outlived;
    case Event::vanished:
      return !calls_.seen(machine.id).said.empty();
    default:
      return false;
  }
}

std::string Keeper::said_of(const store::KeptMachine& kept, Event event) const {
  switch (event) {
    case Event::left_behind:
      return "the process that asked for it is gone";
    case Event::silent:
      return "its worker did not call home within " + std::to_string(options_.terms.boot.count()) +
             " s";
    case Event::outlived:
      return "it was there beyond its life";
    case Event::vanished:
      return calls_.seen(kept.machine.id).said;
    default:
      return "";
  }
}

// Writes what the event makes of the machine, and begins what follows. False when it makes nothing
// of it, or another process was first.
awaitable<Result<bool>> Keeper::fire(const model::Machine& machine, Event event, std::string said) {
  const auto transition = next(machine.state, event);
  if (!transition) co_return false;
  store::MachineChange change{machine.id, options_.keeper, transition->from, transition->to};
  if (!said.empty()) change.said = said;
  auto changed = co_await store_.machines().change(std::move(change));
  if (!changed) co_return changed.error();
  if (!*changed) co_return false;
  base::log_info("a machine", {{"machine", machine.id.str()},
                               {"run", machine.run_id.str()},
                               {"offer", offer_name(machine)},
                               {"state", model::name(transition->to)},
                               {"after", name(event)},
                               {"said", said}});
  switch (transition->action) {
    case Action::none:
      break;
    case Action::place:
      calls_.place(machine);
      break;
    case Action::put_back: {
      store::Lease lease{machine.run_id, machine.attempt};
      auto back = co_await settle(std::move(lease), calls_.seen(machine.id).why,
                                  "its machine is gone: " + said);
      if (!back) co_return back.error();
      woken_ = true;
      break;
    }
    case Action::destroy:
      woken_ = true;
      break;
  }
  co_return true;
}

// ---- runs whose worker is silent

awaitable<Result<void>> Keeper::release_dead() {
  auto dead = co_await store_.machines().dead_at_home(kPage);
  if (!dead) co_return dead.error();
  for (store::Lease& lease : *dead) {
    auto back = co_await settle(std::move(lease), model::OutcomeCode::worker_lost,
                                "its worker was not heard any more");
    if (!back) co_return back.error();
  }
  co_return Result<void>{};
}

awaitable<Result<void>> Keeper::settle(store::Lease lease, model::OutcomeCode code,
                                       std::string why) {
  auto settled = co_await retry_.settle(std::move(lease), model::failed_end(code, std::move(why)));
  if (!settled) co_return settled.error();
  co_return Result<void>{};
}

// ---- runs that want a machine

// Nobody here makes one. Each is told so, and given up once a machine would have had its time to
// boot: until then whoever emptied the setting by mistake finds it waiting. Where other processes
// are on the store, one of them may make machines: there it waits on.
awaitable<Result<void>> Keeper::tell_unserved() {
  auto wanted = co_await store_.machines().wanted(kMostWanted);
  if (!wanted) co_return wanted.error();
  wanted_ = wanted->size();
  const bool over = options_.owns_store && steady_clock::now() >= started_ + options_.terms.boot;
  for (const store::WantsMachine& want : *wanted) {
    if (draining_) co_return Result<void>{};
    if (!over) {
      if (want.waiting == kUnserved) continue;
      auto told = co_await tell_waiting(want.run_id, kUnserved);
      if (!told) co_return told.error();
      continue;
    }
    if (auto given_up = co_await give_up(want, kUnserved); !given_up) co_return given_up.error();
  }
  co_return Result<void>{};
}

awaitable<Result<void>> Keeper::make_wanted() {
  auto wanted = co_await store_.machines().wanted(kMostWanted);
  if (!wanted) co_return wanted.error();
  wanted_ = wanted->size();
  std::unordered_set<model::RunId> wanting;
  for (const store::WantsMachine& want : *wanted) wanting.insert(want.run_id);
  std::erase_if(rests_, [&](const auto& rest) { return !wanting.contains(rest.first); });
  for (const store::WantsMachine& want : *wanted) {
    if (draining_) co_return Result<void>{};
    if (auto made = co_await make_for(want); !made) co_return made.error();
  }
  co_return Result<void>{};
}

awaitable<Result<void>> Keeper::tell_waiting(model::RunId run, std::string why) {
  auto told = co_await store_.machines().tell_waiting(run, std::move(why));
  if (!told) co_return told.error();
  feed_.open(run)->touch();
  co_return Result<void>{};
}

awaitable<Result<void>> Keeper::make_for(const store::WantsMachine& want) {
  if (want.tried >= options_.terms.tries) {
    co_return co_await give_up(
        want, std::to_string(want.tried) +
                  " machines were made for it, and none of their workers called home");
  }
  const std::size_t there = left_.size();
  std::string waiting;
  Offers::Pick picked;
  if (there >= static_cast<std::size_t>(options_.terms.capacity)) {
    const std::string capacity = std::to_string(options_.terms.capacity);
    waiting = std::to_string(there) + " of " + capacity + " machines are in use";
  } else if (rests(want)) {
    waiting = "another machine is made soon: of " + std::to_string(want.tried) +
              " that were made for it, no worker called home";
  } else {
    picked = offers_.pick(want.limits);
    waiting = picked.offer == nullptr
                  ? picked.why_not
                  : "a machine is being made: " + offer_name(*picked.placer, *picked.offer);
  }
  if (waiting != want.waiting) {
    auto told = co_await tell_waiting(want.run_id, waiting);
    if (!told) co_return told.error();
  }
  if (picked.offer == nullptr) co_return Result<void>{};
  co_return co_await intend(want, *picked.placer, *picked.offer);
}

awaitable<Result<void>> Keeper::give_up(const store::WantsMachine& want, std::string said) {
  model::Failure why{model::OutcomeCode::backend_unavailable, std::move(said), "", {}, {}};
  auto given_up = co_await store_.machines().give_up(want.run_id, std::move(why));
  if (!given_up) co_return given_up.error();
  if (*given_up) feed_.open(want.run_id)->set_status(model::RunStatus::failed, 0);
  co_return Result<void>{};
}

// Machines that end as soon as they are made are not made one after the other at once.
bool Keeper::rests(const store::WantsMachine& want) {
  if (want.tried == 0) return false;
  Rest& rest = rests_[want.run_id];
  if (rest.tried != want.tried) {
    rest = {want.tried,
            base::after(base::jittered_backoff(options_.rest, options_.rest_longest, want.tried))};
  }
  return steady_clock::now() < rest.until;
}

awaitable<Result<void>> Keeper::intend(const store::WantsMachine& want,
                                       const clouds::Placer& placer, const clouds::Offer& offer) {
  const std::string token = base::random_hex(32);
  model::Machine machine;
  machine.id = model::MachineId::make();
  machine.run_id = want.run_id;
  machine.placer = placer.name();
  machine.type = offer.type;
  machine.zone = offer.zone;
  machine.token_hash = base::sha256_hex(token);
  const auto run_for =
      std::chrono::milliseconds(static_cast<std::int64_t>(want.limits.timeout_s * 1000));
  const seconds boot = options_.terms.boot + placer.queue();
  store::Intent intent{machine, options_.keeper, options_.terms.care, boot,
                       boot + run_for + options_.margin};
  auto intended = co_await store_.machines().intend(std::move(intent));
  if (!intended) co_return intended.error();
  if (!*intended) co_return Result<void>{};
  calls_.bring(machine.id, token, want.limits);
  left_.push_back(machine);
  left_.back().limits = want.limits;
  woken_ = true;
  co_return Result<void>{};
}

}  // namespace mecapy::machines
