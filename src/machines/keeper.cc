#include "machines/keeper.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/log.h"
#include "base/sha256.h"

namespace mecapy::machines {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr int kPage = 100;

// So long an offer is not asked for again.
seconds cooling(clouds::Trouble trouble) {
  switch (trouble) {
    case clouds::Trouble::passing:
      return seconds(10);
    case clouds::Trouble::unknown:
      return seconds(30);
    case clouds::Trouble::out_of_stock:
      return seconds(60);
    case clouds::Trouble::quota:
    case clouds::Trouble::refused:
      return seconds(300);
  }
  return seconds(60);
}

std::string offer_name(const clouds::Placer& placer, const clouds::Offer& offer) {
  return std::string(placer.name()) + " " + offer.type +
         (offer.zone.empty() ? "" : " in " + offer.zone);
}

std::string offer_name(const model::Machine& machine) {
  return machine.placer + " " + machine.type + (machine.zone.empty() ? "" : " in " + machine.zone);
}

bool holds(const clouds::Offer& offer, const model::Limits& limits) {
  return limits.cpus <= offer.cpus && limits.memory_mb <= static_cast<double>(offer.memory_mb);
}

}  // namespace

struct Keeper::Memory {
  bool busy = false;    // a placer is asked something about it
  std::string token{};  // until it is placed
  base::Deadline next_look{};
  base::Deadline next_destroy{};
  milliseconds pause{};  // before the destroy after the next
  bool told_stuck = false;
  model::OutcomeCode why = model::OutcomeCode::worker_lost;  // it ended, as its placer told
  std::string seen{};                                        // what look() found that ends it
};

struct Keeper::Pick {
  clouds::Placer* placer = nullptr;
  const clouds::Offer* offer = nullptr;
  std::string why_not{};
};

Keeper::Keeper(asio::io_context& io, store::Store& store, feed::Feed& feed,
               std::vector<clouds::Placer*> placers, Options options)
    : io_(io),
      store_(store),
      feed_(feed),
      placers_(std::move(placers)),
      options_(std::move(options)),
      wake_timer_(io, steady_clock::time_point::max()),
      idle_timer_(io, steady_clock::time_point::max()) {}

Keeper::~Keeper() = default;

awaitable<Result<void>> Keeper::start() {
  auto renewed = co_await store_.machines().renew_at_home(options_.lease);
  if (!renewed) co_return renewed.error();
  if (options_.owns_store) {
    auto taken = co_await store_.machines().take_over(options_.keeper, options_.care);
    if (!taken) co_return taken.error();
  }
  ++busy_;
  asio::co_spawn(io_, loop(), [this](std::exception_ptr e) {
    --busy_;
    idle_timer_.cancel();
    if (e) base::log_error("the keeper of machines ended with an unexpected exception");
  });
  co_return Result<void>{};
}

void Keeper::wake() {
  woken_ = true;
  wake_timer_.cancel();
}

void Keeper::look_at_once() {
  for (auto& [id, memory] : memory_) memory.next_look = {};
  wake();
}

awaitable<void> Keeper::drain(base::Deadline deadline) {
  draining_ = true;
  wake();
  while (busy_ > 0 && steady_clock::now() < deadline) {
    idle_timer_.expires_at(deadline);
    boost::system::error_code ec;
    co_await idle_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
}

awaitable<void> Keeper::loop() {
  while (!draining_) {
    woken_ = false;
    if (auto done = co_await round(); !done) {
      base::log_warn("machines could not be looked after", {{"error", done.error().message}});
    }
    if (draining_ || woken_) continue;
    wake_timer_.expires_after(options_.every);
    boost::system::error_code ec;
    co_await wake_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
}

awaitable<Result<void>> Keeper::round() {
  auto kept = co_await store_.machines().keep(options_.keeper, options_.care);
  if (!kept) co_return kept.error();
  std::unordered_set<model::MachineId> there;
  for (const store::KeptMachine& one : *kept) {
    there.insert(one.machine.id);
    if (auto done = co_await tend(one); !done) co_return done.error();
  }
  std::erase_if(memory_, [&](const auto& entry) {
    return !entry.second.busy && !there.contains(entry.first);
  });
  if (auto done = co_await release_dead(); !done) co_return done.error();
  co_return co_await make_wanted();
}

// ---- what there is

awaitable<Result<void>> Keeper::tend(const store::KeptMachine& kept) {
  const model::Machine& machine = kept.machine;
  Memory& memory = memory_[machine.id];
  const auto now = steady_clock::now();
  std::optional<Event> event;
  std::string said;
  switch (machine.state) {
    case MachineState::intended:
      // Its token was known to who intended it, and to nobody else.
      event = kept.wanted() && !memory.token.empty() ? Event::begun : Event::unwanted;
      break;
    case MachineState::placing:
      if (!kept.wanted()) {
        event = Event::unwanted;
      } else if (!memory.busy) {
        event = Event::left_behind;
        said = "the process that asked for it is gone";
      }
      break;
    case MachineState::booting:
    case MachineState::working:
      if (!kept.wanted()) {
        event = Event::unwanted;
      } else if (kept.outlived) {
        event = Event::outlived;
        said = "it was there beyond its life";
      } else if (kept.silent) {
        event = Event::silent;
        said =
            "its worker did not call home within " + std::to_string(options_.boot.count()) + " s";
      } else if (!memory.seen.empty()) {
        event = Event::vanished;
        said = memory.seen;
      } else if (!memory.busy && now >= memory.next_look) {
        memory.next_look = base::after(options_.look_every);
        spawn(machine.id, look(machine));
      }
      break;
    case MachineState::ending:
      if (!memory.busy && now >= memory.next_destroy) spawn(machine.id, destroy(machine));
      break;
    case MachineState::gone:
      break;
  }
  if (!event) co_return Result<void>{};
  auto fired = co_await fire(machine, *event, std::move(said));
  if (!fired) co_return fired.error();
  co_return Result<void>{};
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
  Memory& memory = memory_[machine.id];
  switch (transition->action) {
    case Action::none:
      break;
    case Action::place: {
      std::string token = std::exchange(memory.token, "");
      spawn(machine.id, place(machine, std::move(token)));
      break;
    }
    case Action::put_back: {
      store::Lease lease{machine.run_id, machine.attempt};
      model::Failure why{memory.why, "its machine is gone: " + said, "", {}, {}};
      auto back = co_await put_back(std::move(lease), std::move(why));
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
    model::Failure why{
        model::OutcomeCode::worker_lost, "its worker was not heard any more", "", {}, {}};
    auto back = co_await put_back(std::move(lease), std::move(why));
    if (!back) co_return back.error();
  }
  co_return Result<void>{};
}

// The run waits for another machine, or it was its last attempt, or a limit ended it.
awaitable<Result<void>> Keeper::put_back(store::Lease lease, model::Failure why) {
  const model::RunId id = lease.run_id;
  const int attempt = lease.attempt;
  std::optional<model::RunStatus> became;
  if (model::is_platform_fault(why.code) && attempt < options_.max_attempts) {
    store::Requeue request{std::move(lease), std::move(why), pause_before_retry(attempt)};
    auto done = co_await store_.requeue(std::move(request));
    if (!done) co_return done.error();
    became = *done;
  } else {
    auto cancelled = co_await store_.end_cancelled(lease);
    if (!cancelled) co_return cancelled.error();
    if (*cancelled) {
      became = model::RunStatus::cancelled;
    } else {
      model::RunEnd end = model::failed_end(why.code, why.message);
      auto recorded = co_await store_.record_end(lease, std::move(end));
      if (!recorded) co_return recorded.error();
      if (*recorded) became = model::RunStatus::failed;
    }
  }
  if (became) feed_.open(id)->set_status(*became, attempt);
  co_return Result<void>{};
}

milliseconds Keeper::pause_before_retry(int attempt) const {
  return base::jittered_backoff(options_.backoff, options_.backoff_max, attempt);
}

// ---- runs that want a machine

awaitable<Result<void>> Keeper::make_wanted() {
  auto left = co_await store_.machines().left();
  if (!left) co_return left.error();
  left_ = std::move(*left);
  auto wanted = co_await store_.machines().wanted(kPage);
  if (!wanted) co_return wanted.error();
  for (const store::WantsMachine& want : *wanted) {
    if (draining_) co_return Result<void>{};
    if (auto made = co_await make_for(want); !made) co_return made.error();
  }
  co_return Result<void>{};
}

Keeper::Pick Keeper::pick(const model::Limits& limits) const {
  Pick found;
  const auto now = steady_clock::now();
  for (clouds::Placer* placer : placers_) {
    for (const clouds::Offer& offer : placer->offers()) {
      if (!holds(offer, limits)) continue;
      const std::string name = offer_name(*placer, offer);
      const auto until = refused_until_.find(name);
      if (until == refused_until_.end() || until->second <= now) return {placer, &offer, {}};
      found.why_not += (found.why_not.empty() ? "" : "; ") + name + ": " + refused_why_.at(name);
    }
  }
  if (found.why_not.empty()) found.why_not = "no machine that can be had is large enough";
  return found;
}

awaitable<Result<void>> Keeper::make_for(const store::WantsMachine& want) {
  if (want.tried >= options_.tries) {
    model::Failure why{model::OutcomeCode::backend_unavailable,
                       std::to_string(want.tried) +
                           " machines were made for it, and none of their workers called home",
                       "",
                       {},
                       {}};
    auto given_up = co_await store_.machines().give_up(want.run_id, std::move(why));
    if (!given_up) co_return given_up.error();
    if (*given_up) feed_.open(want.run_id)->set_status(model::RunStatus::failed, 0);
    co_return Result<void>{};
  }
  const std::size_t there = left_.size();
  std::string waiting;
  Pick picked;
  if (there >= static_cast<std::size_t>(options_.capacity)) {
    const std::string capacity = std::to_string(options_.capacity);
    waiting = std::to_string(there) + " of " + capacity + " machines are in use";
  } else {
    picked = pick(want.limits);
    waiting = picked.offer == nullptr
                  ? picked.why_not
                  : "a machine is being made: " + offer_name(*picked.placer, *picked.offer);
  }
  if (waiting != want.waiting) {
    auto told = co_await store_.machines().tell_waiting(want.run_id, waiting);
    if (!told) co_return told.error();
    feed_.open(want.run_id)->touch();
  }
  if (picked.offer == nullptr) co_return Result<void>{};
  const std::string token = base::random_hex(32);
  model::Machine machine;
  machine.id = model::MachineId::make();
  machine.run_id = want.run_id;
  machine.placer = picked.placer->name();
  machine.type = picked.offer->type;
  machine.zone = picked.offer->zone;
  machine.token_hash = base::sha256_hex(token);
  const auto run_for =
      std::chrono::milliseconds(static_cast<std::int64_t>(want.limits.timeout_s * 1000));
  store::Intent intent{machine, options_.keeper, options_.care, options_.boot,
                       options_.boot + run_for + options_.margin};
  auto intended = co_await store_.machines().intend(std::move(intent));
  if (!intended) co_return intended.error();
  if (!*intended) co_return Result<void>{};
  memory_[machine.id].token = token;
  left_.push_back(machine);
  woken_ = true;
  co_return Result<void>{};
}

// ---- what placers are asked

clouds::Placer* Keeper::placer_of(const model::Machine& machine) const {
  const auto it = std::ranges::find_if(
      placers_, [&](const clouds::Placer* p) { return p->name() == machine.placer; });
  return it == placers_.end() ? nullptr : *it;
}

void Keeper::spawn(const model::MachineId& id, awaitable<void> work) {
  ++busy_;
  memory_[id].busy = true;
  asio::co_spawn(io_, std::move(work), [this, id](std::exception_ptr e) {
    --busy_;
    memory_[id].busy = false;
    idle_timer_.cancel();
    wake();
    if (e) base::log_error("a placer failed unexpectedly", {{"machine", id.str()}});
  });
}

awaitable<void> Keeper::place(model::Machine machine, std::string token) {
  machine.state = MachineState::placing;
  clouds::Placer* placer = placer_of(machine);
  if (placer == nullptr) co_return;
  clouds::Order order;
  order.machine = machine.id.str();
  order.type = machine.type;
  order.zone = machine.zone;
  order.home_url = options_.home_url;
  order.token = std::move(token);
  order.life = std::chrono::duration_cast<seconds>(machine.life_until - machine.made_at);
  const clouds::Save save = [this, &machine](std::string parts) -> awaitable<bool> {
    store::MachineChange change{machine.id, options_.keeper, MachineState::placing,
                                MachineState::placing, std::move(parts)};
    auto saved = co_await store_.machines().change(std::move(change));
    co_return saved ? *saved : false;
  };
  auto answer = co_await placer->place(std::move(order), save, base::after(options_.call * 5));
  const auto* refusal = std::get_if<clouds::Refusal>(&answer);
  std::string said;
  if (refusal != nullptr) {
    said = std::string(clouds::name(refusal->trouble)) + ": " + refusal->message;
    const std::string offer = offer_name(machine);
    refused_until_[offer] = base::after(cooling(refusal->trouble));
    refused_why_[offer] = said;
  }
  const Event event = refusal == nullptr ? Event::placed : Event::refused;
  if (auto fired = co_await fire(machine, event, said); !fired) {
    // The row still says placing: as nobody is at it any more, it is left behind.
    base::log_warn("what became of a machine could not be written",
                   {{"machine", machine.id.str()}, {"error", fired.error().message}});
  }
}

awaitable<void> Keeper::look(model::Machine machine) {
  clouds::Placer* placer = placer_of(machine);
  if (placer == nullptr) co_return;
  auto answer = co_await placer->look(machine.id.str(), machine.parts, base::after(options_.call));
  const auto* sight = std::get_if<clouds::Sight>(&answer);
  if (sight == nullptr) co_return;  // as good as not looked
  if (sight->phase != clouds::Phase::absent && sight->phase != clouds::Phase::over) co_return;
  Memory& memory = memory_[machine.id];
  memory.seen = sight->said.empty() ? "it is not there any more" : sight->said;
  if (sight->why) memory.why = *sight->why;
}

awaitable<void> Keeper::destroy(model::Machine machine) {
  Memory& memory = memory_[machine.id];
  memory.pause = memory.pause.count() == 0 ? options_.destroy_first
                                           : std::min(memory.pause * 2, options_.destroy_longest);
  memory.next_destroy = base::after(memory.pause);
  std::string why = "nobody here makes machines of " + machine.placer;
  if (clouds::Placer* placer = placer_of(machine); placer != nullptr) {
    auto answer =
        co_await placer->destroy(machine.id.str(), machine.parts, base::after(options_.call));
    const auto* refusal = std::get_if<clouds::Refusal>(&answer);
    if (refusal == nullptr && std::get<bool>(answer)) {
      (void)co_await fire(machine, Event::cleared, "");
      co_return;
    }
    why = refusal == nullptr ? "it is on its way" : refusal->message;
  }
  if (!memory.told_stuck && memory.pause >= options_.destroy_longest) {
    memory.told_stuck = true;
    base::log_error("a machine could not be removed yet, and may cost money",
                    {{"machine", machine.id.str()},
                     {"offer", offer_name(machine)},
                     {"parts", machine.parts},
                     {"error", why}});
  }
}

}  // namespace mecapy::machines
