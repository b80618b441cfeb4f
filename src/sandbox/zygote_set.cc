#include "sandbox/zygote_set.h"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>

#include "sandbox/packet.h"

namespace mecapy::sandbox {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kMostFailures = 5;
constexpr milliseconds kFirstPause{100};
// What all forks of one zygote share, the hash seed and the places of its libraries, is renewed:
// then, or after Options::zygote_forks.
constexpr std::chrono::hours kLongestLife{1};
// The large ones hold up to 110 MiB.
constexpr std::chrono::minutes kIdle{10};
// One that was not asked for so long makes room.
constexpr std::chrono::minutes kUnwanted{1};
// One that does not say that it is ready is killed; its socket's hang-up is the rest.
constexpr std::chrono::minutes kLongestStart{1};

constexpr std::array kAlwaysThere = {ZygoteKind::bare, ZygoteKind::numpy};

}  // namespace

bool is_always_there(ZygoteKind kind) {
  return std::ranges::find(kAlwaysThere, kind) != kAlwaysThere.end();
}

void ZygoteSet::start(ZygoteKind kind, SteadyTime now) {
  Zygote& zygote = at(kind);
  zygote.revive_at = SteadyTime::max();
  zygote.ready = false;
  zygote.served = 0;
  zygote.born = zygote.used = now;
  ++zygote.failures;  // until it says it is ready
  std::string ignored;
  const bool spawned = spawn_zygote(options_, kind, zygote.process, ignored) &&
                       (!watch_ || !watch_(zygote.process.socket.get(), kind));
  if (!spawned) end(kind, now);
}

bool ZygoteSet::launch(std::string& error) {
  const SteadyTime now = steady_clock::now();
  for (const ZygoteKind kind : kAlwaysThere) {  // side by side
    if (!spawn_zygote(options_, kind, at(kind).process, error)) return false;
    at(kind).born = at(kind).used = now;
  }
  for (const ZygoteKind kind : kAlwaysThere) {
    ZygoteReply reply;
    if (!wait_until_ready(at(kind).process, reply, error)) return false;
    note_ready(kind, reply);
  }
  return true;
}

StepFailure ZygoteSet::watch_with(Watch watch) {
  watch_ = std::move(watch);
  for (const ZygoteRow& row : kZygoteTable) {
    const int fd = at(row.kind).process.socket.get();
    if (fd < 0) continue;
    if (const StepFailure step = watch_(fd, row.kind)) return step;
  }
  return {};
}

void ZygoteSet::note_ready(ZygoteKind kind, const ZygoteReply& reply) {
  at(kind).ready = true;
  at(kind).failures = 0;
  at(kind).memory = reply.memory;
  at(kind).copied = reply.copied;
}

std::int64_t ZygoteSet::memory() const {
  std::int64_t bytes = 0;
  for (const Zygote& zygote : zygotes_) bytes += zygote.ready ? zygote.memory : 0;
  return bytes;
}

// One that was never ready is tried: it says what it holds. One at a time, or several together
// could hold more than all may.
bool ZygoteSet::fits(ZygoteKind kind) const {
  const auto loads = [](const Zygote& zygote) { return zygote.process.socket && !zygote.ready; };
  return is_always_there(kind) ||
         (std::ranges::none_of(zygotes_, loads) &&
          memory() + zygotes_[index_of(kind)].memory <= options_.zygote_memory);
}

std::optional<ZygoteKind> ZygoteSet::one_too_many(SteadyTime now) {
  const bool too_many = memory() > options_.zygote_memory;
  if (!too_many && !crowded_) return std::nullopt;
  std::optional<ZygoteKind> oldest;
  for (const ZygoteRow& row : kZygoteTable) {
    const Zygote& zygote = at(row.kind);
    if (!zygote.ready || is_always_there(row.kind)) continue;
    if (!too_many && now - zygote.used < kUnwanted) continue;
    if (!oldest || zygote.used < at(*oldest).used) oldest = row.kind;
  }
  crowded_ = false;
  return oldest;
}

std::optional<ZygoteKind> ZygoteSet::best_for(ZygoteKind wanted, SteadyTime now) {
  Zygote& first = at(wanted);
  first.used = now;
  if (!first.process.socket && first.revive_at == SteadyTime::max()) {
    if (fits(wanted)) {
      start(wanted, now);
    } else {
      crowded_ = true;
    }
  }
  for (std::size_t i = index_of(wanted) + 1; i-- > 0;) {
    if (zygotes_[i].ready) return static_cast<ZygoteKind>(i);
  }
  return std::nullopt;
}

bool ZygoteSet::ask(ZygoteKind kind, std::uint64_t ticket, std::span<const int> fds) {
  Zygote& zygote = at(kind);
  if (!zygote.process.socket) return false;
  ++zygote.served;
  return send_packet(zygote.process.socket.get(), ZygoteRequest{ticket}, fds);
}

std::optional<ZygoteReply> ZygoteSet::next(ZygoteKind kind) {
  Zygote& zygote = at(kind);
  if (!zygote.process.socket) return std::nullopt;
  ZygoteReply reply;
  const Received got = receive_packet(zygote.process.socket.get(), reply);
  if (got == Received::nothing) return std::nullopt;
  if (got == Received::closed) reply.kind = ZygoteReply::Kind::failed;
  if (reply.kind == ZygoteReply::Kind::ready) note_ready(kind, reply);
  return reply;
}

void ZygoteSet::kill(ZygoteKind kind) {
  if (at(kind).process.pid > 0) ::kill(at(kind).process.pid, SIGKILL);
}

void ZygoteSet::end(ZygoteKind kind, SteadyTime now) {
  Zygote& zygote = at(kind);
  zygote.ready = false;
  zygote.process.socket.reset();
  if (zygote.process.pid > 0) {
    kill(kind);
    ::waitpid(zygote.process.pid, nullptr, 0);
    zygote.process.pid = -1;
  }
  const int pauses = (1 << std::min(zygote.failures, kMostFailures)) - 1;
  const bool again = is_always_there(kind) || zygote.failures > 0;
  zygote.revive_at = again ? now + kFirstPause * pauses : SteadyTime::max();
}

void ZygoteSet::end_all(SteadyTime now) {
  for (const ZygoteRow& row : kZygoteTable) end(row.kind, now);
}

std::optional<ZygoteKind> ZygoteSet::tend(SteadyTime now) {
  for (const ZygoteRow& row : kZygoteTable) {
    Zygote& zygote = at(row.kind);
    if (now >= zygote.revive_at) {
      if (is_always_there(row.kind) || zygote.failures < kMostFailures) {
        start(row.kind, now);
      } else {  // not again until it is asked for
        zygote.revive_at = SteadyTime::max();
        zygote.failures = 0;
      }
    }
    if (zygote.process.socket && !zygote.ready && now - zygote.born > kLongestStart) kill(row.kind);
    if (!zygote.ready) continue;
    const bool idle = !is_always_there(row.kind) && now - zygote.used > kIdle;
    if (idle || zygote.served >= options_.zygote_forks || now - zygote.born > kLongestLife)
      return row.kind;
  }
  return one_too_many(now);
}

SteadyTime ZygoteSet::next_tend(SteadyTime now) const {
  SteadyTime next = now + kIdle;
  for (const Zygote& zygote : zygotes_) {
    next = std::min(next, zygote.revive_at);
    if (zygote.process.socket && !zygote.ready) next = std::min(next, zygote.born + kLongestStart);
  }
  return next;
}

bool ZygoteSet::hopeless() const {
  return zygotes_[index_of(ZygoteKind::bare)].failures > kMostFailures;
}

bool ZygoteSet::is_zygote(pid_t pid) const {
  return std::ranges::any_of(zygotes_, [&](const Zygote& z) { return z.process.pid == pid; });
}

}  // namespace mecapy::sandbox
