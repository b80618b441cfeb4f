#include "machines/placer_calls.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cmath>
#include <utility>

#include "base/log.h"
#include "base/utf8.h"

namespace mecapy::machines {

namespace asio = boost::asio;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kWords = 500;  // bytes of what a placer says

}  // namespace

struct PlacerCalls::Memory {
  bool busy = false;       // a placer is asked something about it
  bool overtaken = false;  // while it was placed, its row got further
  std::string token{};     // until it is placed
  model::Limits limits{};
  base::Deadline next_look{};
  base::Deadline next_destroy{};
  milliseconds pause{};  // before it; none when it was not asked for yet
  base::Deadline stuck_at{};
  bool told_stuck = false;
  std::string waits{};  // as told last; "" when nothing was
  Ending seen{};
};

PlacerCalls::PlacerCalls(asio::io_context& io, store::Store& store, Offers& offers,
                         CallOptions options, Hooks hooks)
    : io_(io),
      store_(store),
      offers_(offers),
      options_(std::move(options)),
      hooks_(std::move(hooks)),
      idle_timer_(io, steady_clock::time_point::max()) {}

PlacerCalls::~PlacerCalls() = default;

void PlacerCalls::bring(const model::MachineId& id, std::string token, model::Limits limits) {
  memory_[id].token = std::move(token);
  memory_[id].limits = limits;
}

bool PlacerCalls::has_token(const model::MachineId& id) const {
  const auto it = memory_.find(id);
  return it != memory_.end() && !it->second.token.empty();
}

bool PlacerCalls::busy(const model::MachineId& id) const {
  const auto it = memory_.find(id);
  return it != memory_.end() && it->second.busy;
}

PlacerCalls::Ending PlacerCalls::seen(const model::MachineId& id) const {
  const auto it = memory_.find(id);
  return it == memory_.end() ? Ending() : it->second.seen;
}

void PlacerCalls::look_at_once() {
  for (auto& [id, memory] : memory_) memory.next_look = {};
}

void PlacerCalls::keep_only(const std::unordered_set<model::MachineId>& ids) {
  std::erase_if(
      memory_, [&](const auto& entry) { return !entry.second.busy && !ids.contains(entry.first); });
}

awaitable<void> PlacerCalls::drain(base::Deadline deadline) {
  while (busy_ > 0 && steady_clock::now() < deadline) {
    idle_timer_.expires_at(deadline);
    boost::system::error_code ec;
    co_await idle_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
}

void PlacerCalls::spawn(const model::MachineId& id, awaitable<void> call) {
  ++busy_;
  memory_[id].busy = true;
  asio::co_spawn(io_, std::move(call), [this, id](std::exception_ptr e) {
    --busy_;
    memory_[id].busy = false;
    idle_timer_.cancel();
    hooks_.done();
    if (e) base::log_error("a placer failed unexpectedly", {{"machine", id.str()}});
  });
}

void PlacerCalls::place(const model::Machine& machine) {
  Memory& memory = memory_[machine.id];
  clouds::Order order;
  order.machine = machine.id.str();
  order.type = machine.type;
  order.zone = machine.zone;
  order.home_url = options_.home_url;
  order.token = std::exchange(memory.token, "");
  order.cpus = static_cast<int>(std::ceil(memory.limits.cpus));
  order.memory_mb = std::llround(memory.limits.memory_mb);
  order.gpus = static_cast<int>(memory.limits.gpus);
  memory.overtaken = false;
  order.overtaken = [&memory] { return memory.overtaken; };  // it outlives the call
  order.life = std::chrono::duration_cast<seconds>(machine.life_until - machine.made_at);
  spawn(machine.id, ask_place(machine, std::move(order)));
}

void PlacerCalls::look(const model::Machine& machine) {
  Memory& memory = memory_[machine.id];
  memory.overtaken = true;
  if (memory.busy || steady_clock::now() < memory.next_look) return;
  memory.next_look = base::after(options_.look_every);
  spawn(machine.id, ask_look(machine));
}

void PlacerCalls::destroy(const model::Machine& machine) {
  Memory& memory = memory_[machine.id];
  memory.overtaken = true;
  if (memory.busy || steady_clock::now() < memory.next_destroy) return;
  if (memory.pause.count() == 0) memory.stuck_at = base::after(options_.stuck);
  spawn(machine.id, ask_destroy(machine));
}

awaitable<void> PlacerCalls::ask_place(model::Machine machine, clouds::Order order) {
  machine.state = MachineState::placing;
  clouds::Placer* placer = offers_.placer_of(machine);
  if (placer == nullptr) co_return;
  const clouds::Save save = [this, &machine](std::string parts) -> awaitable<bool> {
    store::MachineChange change{machine.id, options_.keeper, MachineState::placing,
                                MachineState::placing, std::move(parts)};
    auto saved = co_await store_.machines().change(std::move(change));
    co_return saved ? *saved : false;
  };
  auto answer = co_await placer->place(std::move(order), save, base::after(options_.call * 5));
  const auto* refusal = std::get_if<clouds::Refusal>(&answer);
  if (refusal != nullptr) {
    offers_.refused(machine, *refusal);
  } else {
    offers_.placed(machine);
  }
  const Event event = refusal == nullptr ? Event::placed : Event::refused;
  std::string said = refusal == nullptr ? "" : clouds::words_of(*refusal);
  if (auto fired = co_await hooks_.happened(machine, event, std::move(said)); !fired) {
    // The row still says placing: as nobody is at it any more, it is left behind.
    base::log_warn("what became of a machine could not be written",
                   {{"machine", machine.id.str()}, {"error", fired.error().message}});
  }
}

awaitable<void> PlacerCalls::ask_look(model::Machine machine) {
  clouds::Placer* placer = offers_.placer_of(machine);
  if (placer == nullptr) co_return;
  auto answer = co_await placer->look(machine.id.str(), machine.parts, base::after(options_.call));
  const auto* sight = std::get_if<clouds::Sight>(&answer);
  if (sight == nullptr) co_return;  // as good as not looked
  if (sight->phase != clouds::Phase::absent && sight->phase != clouds::Phase::over) {
    co_return co_await tell_waiting(machine, *sight);
  }
  Ending& seen = memory_[machine.id].seen;
  seen.said = sight->said.empty() ? "it is not there any more" : sight->said;
  if (sight->why) seen.why = *sight->why;
}

// Of one that was on at the first look nothing is told: its worker calls home soon.
awaitable<void> PlacerCalls::tell_waiting(const model::Machine& machine,
                                          const clouds::Sight& sight) {
  if (machine.state != MachineState::booting) co_return;
  const bool making = sight.phase == clouds::Phase::making;
  Memory& memory = memory_[machine.id];
  if (!making && memory.waits.empty()) co_return;
  std::string waits = offer_name(machine);
  waits += making ? ": its machine is not on yet" : ": its machine is on, and boots";
  if (making && !sight.said.empty()) waits += ": " + base::one_line(sight.said, kWords);
  if (waits == memory.waits) co_return;
  memory.waits = waits;
  co_await hooks_.waits(machine, std::move(waits));
}

awaitable<void> PlacerCalls::ask_destroy(model::Machine machine) {
  std::string why = "nobody here makes machines of " + machine.placer;
  bool refused = true;
  if (clouds::Placer* placer = offers_.placer_of(machine); placer != nullptr) {
    auto answer =
        co_await placer->destroy(machine.id.str(), machine.parts, base::after(options_.call));
    const auto* refusal = std::get_if<clouds::Refusal>(&answer);
    if (refusal == nullptr && std::get<bool>(answer)) {
      (void)co_await hooks_.happened(machine, Event::cleared, "");
      co_return;
    }
    refused = refusal != nullptr;
    why = refused ? clouds::words_of(*refusal) : "it is on its way";
  }
  // What goes step by step is not kept waiting for what was refused before.
  Memory& memory = memory_[machine.id];
  memory.pause = std::clamp(memory.pause * 2, options_.destroy_first,
                            refused ? options_.destroy_longest : options_.destroy_going);
  memory.next_destroy = base::after(memory.pause);
  co_await tell_stuck(machine, why, refused);
}

// The row and, once it takes long, the log say why it is not gone.
awaitable<void> PlacerCalls::tell_stuck(model::Machine machine, std::string why, bool refused) {
  std::string said = "it could not be removed yet: " + base::one_line(why, kWords);
  if (refused && said != machine.said) {
    store::MachineChange change{machine.id, options_.keeper, MachineState::ending,
                                MachineState::ending};
    change.said = std::move(said);
    (void)co_await store_.machines().change(std::move(change));
  }
  Memory& memory = memory_[machine.id];
  if (!memory.told_stuck && steady_clock::now() >= memory.stuck_at) {
    memory.told_stuck = true;
    base::log_error("a machine could not be removed yet, and may cost money",
                    {{"machine", machine.id.str()},
                     {"offer", offer_name(machine)},
                     {"parts", machine.parts},
                     {"error", why}});
  }
}

}  // namespace mecapy::machines
