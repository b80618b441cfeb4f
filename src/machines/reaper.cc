#include "machines/reaper.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <utility>

#include "base/log.h"
#include "base/utf8.h"

namespace mecapy::machines {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kMost = 1'000;  // parts at once, and parts of one placer that are remembered
constexpr std::size_t kWords = 500;   // bytes of what a placer says
constexpr int kPages = 3;             // calls that a list may take
// When a part was tried last: before any comparison of this process, and maybe never.
constexpr std::uint64_t kNever = 0;
constexpr std::uint64_t kEarlier = 1;

std::string key_of(const std::string& kind, const std::string& zone, const std::string& id) {
  return kind + " " + zone + " " + id;
}
std::string key_of(const clouds::Found& part) { return key_of(part.kind, part.zone, part.id); }

}  // namespace

struct Reaper::Watch {
  Watch(asio::io_context& io, Ward ward) : ward(std::move(ward)), timer(io) {}
  Ward ward;
  asio::steady_timer timer;
  bool begun = false;   // since this process started
  std::string trouble;  // as told last
  std::uint64_t removed = 0;
  std::unordered_map<std::string, steady_clock::time_point> seen;  // parts of an unknown age
  std::uint64_t comparison = kEarlier;
  // In which comparison a part that did not go was tried last, by this process.
  std::unordered_map<std::string, std::uint64_t> tried;
  std::size_t untold = 0;  // parts beyond those remembered
};

struct Reaper::Orphan {
  clouds::Found part;
  std::string said{};    // why it is not gone; "" when it was not its turn
  std::string before{};  // the same, as it is remembered; "" when it is not
  bool its_turn = false;
  bool refused = false;
};

Reaper::Reaper(asio::io_context& io, store::Store& store, std::vector<Ward> wards,
               std::shared_ptr<const base::Clock> clock, ReaperOptions options)
    : io_(io),
      store_(store),
      clock_(std::move(clock)),
      options_(std::move(options)),
      idle_timer_(io, steady_clock::time_point::max()) {
  for (Ward& ward : wards) watches_.push_back(std::make_unique<Watch>(io, std::move(ward)));
}

Reaper::~Reaper() = default;

void Reaper::start() {
  for (const auto& watch : watches_) {
    ++busy_;
    asio::co_spawn(io_, loop(*watch), [this](std::exception_ptr e) {
      --busy_;
      idle_timer_.cancel();
      if (e) base::log_error("the reaper of machines ended with an unexpected exception");
    });
  }
}

awaitable<void> Reaper::drain(base::Deadline deadline) {
  draining_ = true;
  for (const auto& watch : watches_) watch->timer.cancel();
  while (busy_ > 0 && steady_clock::now() < deadline) {
    idle_timer_.expires_at(deadline);
    boost::system::error_code ec;
    co_await idle_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
}

std::vector<Reaper::Removed> Reaper::removed() const {
  std::vector<Removed> all;
  for (const auto& watch : watches_) all.push_back({watch->ward.name, watch->removed});
  return all;
}

awaitable<void> Reaper::pause(Watch& watch, milliseconds length) {
  if (draining_) co_return;
  watch.timer.expires_after(length);
  boost::system::error_code ec;
  co_await watch.timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
}

awaitable<void> Reaper::loop(Watch& watch) {
  while (!draining_) {
    Result<bool> done = false;
    try {
      done = co_await round(watch);
    } catch (const std::exception& e) {
      done = fail(ErrorCode::internal, std::string("it ended with an exception: ") + e.what());
    }
    if (!done) {
      base::log_warn("what machines left behind could not be looked for",
                     {{"placer", watch.ward.name}, {"error", done.error().message}});
    }
    const bool ours = done && *done;
    co_await pause(watch, ours ? options_.every : std::min(options_.every, options_.ask_again));
  }
}

// Beyond the longest time between two renewals: that of a list.
std::chrono::microseconds Reaper::lease() const { return options_.call * (kPages + 1); }

// Whether nobody else is at it; then nobody is for another lease.
awaitable<Result<bool>> Reaper::still_ours(const Watch& watch) {
  co_return co_await store_.machines().renew_reaping(watch.ward.name, options_.keeper, lease());
}

// Whether it was this process's turn.
awaitable<Result<bool>> Reaper::round(Watch& watch) {
  const auto due = watch.begun ? options_.every : milliseconds(0);
  auto begun =
      co_await store_.machines().begin_reaping(watch.ward.name, options_.keeper, lease(), due);
  if (!begun) co_return begun.error();
  if (*begun) {
    auto compared = co_await compare(watch);
    if (!compared) co_return compared.error();
    watch.begun = true;
  }
  co_await refresh();
  co_return *begun;
}

awaitable<void> Reaper::refresh() {
  auto leftovers = co_await store_.machines().leftovers();
  if (leftovers) leftovers_ = std::move(*leftovers);
  auto reapings = co_await store_.machines().reapings();
  if (reapings) reapings_ = std::move(*reapings);
}

awaitable<Result<void>> Reaper::compare(Watch& watch) {
  auto told = co_await watch.ward.placer->list(base::after(options_.call * kPages));
  if (const auto* refusal = std::get_if<clouds::Refusal>(&told)) {
    store::Reaped failed{
        watch.ward.name, options_.keeper, base::one_line(clouds::words_of(*refusal), kWords), {}};
    if (failed.trouble != watch.trouble) {
      base::log_error("a placer does not say what machines left behind",
                      {{"placer", watch.ward.name}, {"error", failed.trouble}});
    }
    watch.trouble = failed.trouble;
    co_return co_await store_.machines().end_reaping(std::move(failed));
  }
  watch.trouble.clear();
  // Only now: whatever was told is of a machine that was in the store by then.
  auto machines = co_await store_.machines().left();
  if (!machines) co_return machines.error();
  auto known = co_await store_.machines().leftovers();
  if (!known) co_return known.error();
  std::unordered_set<std::string> live;
  for (const model::Machine& machine : *machines) live.insert(machine.id.str());
  auto& parts = std::get<std::vector<clouds::Found>>(told);
  Orphans orphans = in_turn(watch, ownerless(watch, std::move(parts), live), *known);
  auto ours = co_await remove_all(watch, orphans);
  if (!ours) co_return ours.error();
  if (!*ours) co_return Result<void>{};
  co_return co_await report(watch, std::move(orphans));
}

// Those that are old enough and whose machine is none of `live`.
std::vector<clouds::Found> Reaper::ownerless(Watch& watch, std::vector<clouds::Found> parts,
                                             const std::unordered_set<std::string>& live) {
  std::vector<clouds::Found> found;
  std::unordered_map<std::string, steady_clock::time_point> seen;
  const auto now = steady_clock::now();
  for (clouds::Found& part : parts) {
    if (live.contains(part.machine)) continue;
    bool old = false;
    if (part.made && *part.made <= clock_->now()) {  // one of the future tells no age
      old = clock_->now() - *part.made >= options_.grace;
    } else {
      const std::string key = key_of(part);
      const auto it = watch.seen.find(key);
      const auto first = it == watch.seen.end() ? now : it->second;
      seen.emplace(key, first);
      old = now - first >= options_.grace;
    }
    if (old) found.push_back(std::move(part));
  }
  watch.seen = std::move(seen);
  return found;
}

// In the order in which they are tried: new ones, then those that did not go, longest ago first.
// What comes after the first kMost waits for its turn.
Reaper::Orphans Reaper::in_turn(Watch& watch, std::vector<clouds::Found> parts,
                                const std::vector<store::Leftover>& known) {
  std::unordered_map<std::string, std::string> said;
  for (const store::Leftover& one : known) {
    if (one.placer == watch.ward.name) said.emplace(key_of(one.kind, one.zone, one.id), one.said);
  }
  std::unordered_map<std::string, std::uint64_t> tried;
  std::map<std::uint64_t, Orphans> turns;
  for (clouds::Found& part : parts) {
    const std::string key = key_of(part);
    const auto remembered = said.find(key);
    const auto when = watch.tried.find(key);
    std::uint64_t turn = remembered == said.end() ? kNever : kEarlier;
    if (when != watch.tried.end()) turn = tried.emplace(*when).first->second;
    std::string before = remembered == said.end() ? "" : remembered->second;
    turns[turn].push_back(Orphan{std::move(part), {}, std::move(before)});
  }
  watch.tried = std::move(tried);
  Orphans all;
  for (auto& [turn, orphans] : turns) all.splice(all.end(), orphans);
  std::size_t waits = 0;
  for (Orphan& orphan : all) orphan.its_turn = waits++ < kMost;
  return all;
}

// Step by step, each in turn, until all are gone or refused, or the time for it is over. What is
// left in `orphans` is there. False when another process is at it by now.
awaitable<Result<bool>> Reaper::remove_all(Watch& watch, Orphans& orphans) {
  const base::Deadline over = base::after(options_.pass);
  ++watch.comparison;
  milliseconds wait = options_.first;
  while (!draining_) {
    bool again = false;
    for (auto it = orphans.begin(); it != orphans.end();) {
      if (draining_ || steady_clock::now() >= over) co_return true;
      if (it->refused || !it->its_turn) {
        ++it;
        continue;
      }
      auto ours = co_await still_ours(watch);
      if (!ours) co_return ours.error();
      if (!*ours) co_return false;
      if (co_await remove_one(watch, *it)) {
        it = orphans.erase(it);
      } else {
        again = again || !it->refused;
        ++it;
      }
    }
    if (!again || steady_clock::now() + wait >= over) co_return true;
    co_await pause(watch, wait);
    wait = std::min(wait * 2, options_.longest);
  }
  co_return true;
}

// Whether it is gone.
awaitable<bool> Reaper::remove_one(Watch& watch, Orphan& orphan) {
  clouds::Found part = orphan.part;
  const std::string key = key_of(part);
  watch.tried[key] = watch.comparison;
  auto answer = co_await watch.ward.placer->remove(std::move(part), base::after(options_.call));
  if (const auto* refusal = std::get_if<clouds::Refusal>(&answer)) {
    orphan.refused = true;
    orphan.said = base::one_line(clouds::words_of(*refusal), kWords);
    co_return false;
  }
  if (!std::get<bool>(answer)) {
    orphan.said = "it is on its way";
    co_return false;
  }
  watch.tried.erase(key);
  ++watch.removed;
  base::log_warn("what no run owns was removed",
                 {{"placer", watch.ward.name}, {"part", key}, {"machine", orphan.part.machine}});
  co_return true;
}

// Of what is left, kMost are remembered: first those that are already.
awaitable<Result<void>> Reaper::report(Watch& watch, Orphans orphans) {
  store::Reaped reaped{watch.ward.name, options_.keeper, {}, {}};
  std::size_t untold = 0;
  const auto was_known = [](const Orphan& one) { return !one.before.empty(); };
  std::stable_partition(orphans.begin(), orphans.end(), was_known);
  for (Orphan& orphan : orphans) {
    if (orphan.said.empty()) orphan.said = orphan.before;
    if (orphan.said
            .empty()) {  // it was not its turn: who was never tried comes first the next time
      untold += watch.tried.contains(key_of(orphan.part)) ? 1 : 0;
      continue;
    }
    if (reaped.left.size() >= kMost) {
      ++untold;
      continue;
    }
    clouds::Found& part = orphan.part;
    part.machine = base::one_line(part.machine, kWords);  // a stranger's words
    if (orphan.said != orphan.before) {
      base::log_error("what no run owns could not be removed, and may cost money",
                      {{"placer", watch.ward.name},
                       {"part", key_of(part)},
                       {"machine", part.machine},
                       {"error", orphan.said}});
    }
    reaped.left.push_back({watch.ward.name,
                           std::move(part.kind),
                           std::move(part.zone),
                           std::move(part.id),
                           std::move(part.machine),
                           std::move(orphan.said),
                           {}});
  }
  if (untold > 0 && untold != watch.untold) {
    base::log_error(
        "more could not be removed than is remembered, and may cost money",
        {{"placer", watch.ward.name}, {"remembered", reaped.left.size()}, {"beyond", untold}});
  }
  watch.untold = untold;
  co_return co_await store_.machines().end_reaping(std::move(reaped));
}

}  // namespace mecapy::machines
