#include "queue/redis_stream.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/log.h"

namespace mecapy::queue {
namespace {

using redis::Command;
using redis::Reply;
using std::chrono::milliseconds;

constexpr milliseconds kAnswer{2000};
constexpr const char* kGroup = "mecapy";
constexpr int kPage = 100;
constexpr int kMostPages = 50;  // of one look; the next goes on
constexpr int kMostDeliveries = 10;
constexpr const char* kMostDead = "1000";
constexpr std::chrono::seconds kTellAgain{10};
constexpr std::int64_t kForgotten = 600'000;  // milliseconds

// Every script begins with this. KEYS: jobs later known. `there` is whether `id` is where it is
// known to be: people and failures empty keys one by one.
constexpr const char* kThere = R"lua(
local function there(id, place)
  if place == 'later' then return redis.call('ZSCORE', KEYS[2], id) end
  local entry = redis.pcall('XRANGE', KEYS[1], place, place)[1]
  return entry and entry[2][2] == id
end
)lua";

// ARGV: how many may wait; then id and pause of each run, in milliseconds.
constexpr const char* kPush = R"lua(
local function enter(id)
  redis.call('HSET', KEYS[3], id, redis.call('XADD', KEYS[1], '*', 'run', id))
end
local pending = redis.call('XPENDING', KEYS[1], 'mecapy')[1]
local waiting = redis.call('XLEN', KEYS[1]) + redis.call('ZCARD', KEYS[2]) - pending
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
for i = 2, #ARGV, 2 do
  local id, due = ARGV[i], now + tonumber(ARGV[i + 1])
  local place = redis.call('HGET', KEYS[3], id)
  if place and there(id, place) then
    if place == 'later' and due <= now then
      redis.call('ZREM', KEYS[2], id)
      enter(id)
    elseif place == 'later' then
      redis.call('ZADD', KEYS[2], 'LT', due, id)
    end
  elseif waiting < tonumber(ARGV[1]) then
    waiting = waiting + 1
    if due <= now then
      enter(id)
    else
      redis.call('ZADD', KEYS[2], due, id)
      redis.call('HSET', KEYS[3], id, 'later')
    end
  end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 500)) do
  redis.call('ZREM', KEYS[2], id)
  enter(id)
end
return waiting)lua";

// ARGV: where a look at all that is known goes on, '0' at first. Answers where the next goes on.
// There is none to take when there are as many as are known.
constexpr const char* kForget = R"lua(
local held = redis.call('XLEN', KEYS[1]) + redis.call('ZCARD', KEYS[2])
if ARGV[1] == '0' and redis.call('HLEN', KEYS[3]) == held then return '0' end
local page = redis.call('HSCAN', KEYS[3], ARGV[1], 'COUNT', 500)
for i = 1, #page[2], 2 do
  if not there(page[2][i], page[2][i + 1]) then redis.call('HDEL', KEYS[3], page[2][i]) end
end
return page[1])lua";

// ARGV: a lease in milliseconds and how many. What was given, and not heard of for the lease; of it
// what is no more in the stream goes.
constexpr const char* kLate = R"lua(
local late = {}
local page = redis.call('XPENDING', KEYS[1], 'mecapy', 'IDLE', ARGV[1], '-', '+', ARGV[2])
for _, given in ipairs(page) do
  if #redis.call('XRANGE', KEYS[1], given[1], given[1]) == 0 then
    redis.call('XACK', KEYS[1], 'mecapy', given[1])
  else
    late[#late + 1] = given
  end
end
return {#page, late})lua";

// ARGV: entry and id of each run. Of an id that was pushed anew meanwhile only the old entry goes.
constexpr const char* kDone = R"lua(
for i = 1, #ARGV, 2 do
  redis.call('XACK', KEYS[1], 'mecapy', ARGV[i])
  redis.call('XDEL', KEYS[1], ARGV[i])
  if redis.call('HGET', KEYS[3], ARGV[i + 1]) == ARGV[i] then
    redis.call('HDEL', KEYS[3], ARGV[i + 1])
  end
end
return 0)lua";

// ARGV: entry and id of each run.
constexpr const char* kGiveBack = R"lua(
for i = 1, #ARGV, 2 do
  if redis.call('XACK', KEYS[1], 'mecapy', ARGV[i]) == 1 then
    redis.call('XDEL', KEYS[1], ARGV[i])
    redis.call('HSET', KEYS[3], ARGV[i + 1], redis.call('XADD', KEYS[1], '*', 'run', ARGV[i + 1]))
  end
end
return 0)lua";

// How replies begin, or name in the error of a script, that nothing new is kept.
constexpr std::array<std::string_view, 4> kKeepsNothing = {"OOM ", "MISCONF ", "READONLY ",
                                                           "NOREPLICAS "};

Error refused(const Reply& reply) {
  const bool kept = std::ranges::none_of(kKeepsNothing, [&](std::string_view word) {
    return reply.text.find(word) != std::string::npos;
  });
  return fail(kept ? ErrorCode::unavailable : ErrorCode::storage,
              "Redis refused a command: " + reply.text);
}

}  // namespace

RedisStream::RedisStream(redis::Client& calls, redis::Client& reads, std::string prefix,
                         std::string consumer, std::size_t capacity)
    : calls_(calls),
      reads_(reads),
      jobs_(prefix + ":jobs"),
      later_(prefix + ":later"),
      known_(prefix + ":known"),
      dead_(prefix + ":dead"),
      consumer_(std::move(consumer)),
      capacity_(std::to_string(capacity)) {}

awaitable<Result<Reply>> RedisStream::call(Command command) {
  auto reply = co_await calls_.call(std::move(command), base::after(kAnswer));
  if (reply && reply->is_error()) co_return refused(*reply);
  co_return reply;
}

awaitable<Result<Reply>> RedisStream::script(const char* text, std::vector<std::string> arguments) {
  Command command = {"EVAL", std::string(kThere) + text, "3", jobs_, later_, known_};
  for (std::string& argument : arguments) command.push_back(std::move(argument));
  co_return co_await call(std::move(command));
}

Command RedisStream::group_command(const char* name) const { return {name, jobs_, kGroup}; }

awaitable<Result<void>> RedisStream::prepare() {
  Command create = {"XGROUP", "CREATE", jobs_, kGroup, "0", "MKSTREAM"};
  auto reply = co_await calls_.call(std::move(create), base::after(kAnswer));
  if (!reply) co_return reply.error();
  if (reply->is_error() && !reply->text.starts_with("BUSYGROUP")) co_return refused(*reply);
  co_return Result<void>{};
}

awaitable<Result<std::int64_t>> RedisStream::push(const std::vector<Waiting>& runs) {
  std::vector<std::string> arguments = {capacity_};
  for (const Waiting& run : runs) {
    arguments.push_back(run.id.str());
    arguments.push_back(std::to_string(std::chrono::ceil<milliseconds>(run.pause).count()));
  }
  auto reply = co_await script(kPush, std::move(arguments));
  if (!reply) co_return reply.error();
  co_return reply->integer;
}

awaitable<Result<std::int64_t>> RedisStream::promote() { co_return co_await push({}); }

// Keeps the entries [[entry, [run, id]], ...]; what holds no run goes, so that it is in nobody's
// way.
awaitable<std::vector<model::RunId>> RedisStream::hold(const Reply& entries) {
  std::vector<model::RunId> ids;
  std::vector<std::string> junk;
  for (const Reply& entry : entries.list) {
    if (entry.list.size() != 2) continue;
    const std::vector<Reply>& fields = entry.list[1].list;
    const auto id = model::RunId::parse(fields.size() < 2 ? "" : fields[1].text);
    if (id) {
      held_[*id] = entry.list[0].text;
      ids.push_back(*id);
    } else {
      junk.push_back(entry.list[0].text);
      junk.push_back("");
    }
  }
  if (junk.empty()) co_return ids;
  tell_junk(junk.size() / 2);
  (void)co_await script(kDone, std::move(junk));  // else it is there again after the lease
  co_return ids;
}

// Now and then: there may be a lot of it.
void RedisStream::tell_junk(std::size_t entries) {
  junk_ += entries;
  const base::Deadline now = std::chrono::steady_clock::now();
  if (now < tell_next_) return;
  tell_next_ = now + kTellAgain;
  base::log_warn("what is no run was taken out of the queue", {{"entries_so_far", junk_}});
}

awaitable<Result<std::vector<model::RunId>>> RedisStream::read(int count, milliseconds block) {
  Command command = {"XREADGROUP", "GROUP",
                     kGroup,       consumer_,
                     "COUNT",      std::to_string(count),
                     "BLOCK",      std::to_string(block.count()),
                     "STREAMS",    jobs_,
                     ">"};
  auto reply = co_await reads_.call(std::move(command), base::after(kAnswer + block));
  if (!reply) co_return reply.error();
  if (reply->is_error()) co_return refused(*reply);
  if (reply->list.empty() || reply->list[0].list.size() != 2) co_return std::vector<model::RunId>();
  co_return co_await hold(reply->list[0].list[1]);
}

awaitable<Result<std::vector<model::RunId>>> RedisStream::take_over(milliseconds lease) {
  std::vector<model::RunId> given;
  for (int page = 0; page < kMostPages && given.size() < kPage; ++page) {
    auto late = co_await script(kLate, {std::to_string(lease.count()), std::to_string(kPage)});
    if (!late && given.empty()) co_return late.error();
    if (!late || late->list.size() != 2) break;
    auto claimed = co_await claim(late->list[1], lease);
    if (!claimed && given.empty()) co_return claimed.error();
    if (!claimed) break;  // what was claimed before is held, and must be given
    for (model::RunId& id : *claimed) given.push_back(std::move(id));
    if (late->list[0].integer < kPage) break;
  }
  co_return given;
}

// Of the entries [[entry, consumer, idle, times given], ...]; those given too often are not given
// again.
awaitable<Result<std::vector<model::RunId>>> RedisStream::claim(const Reply& late,
                                                                milliseconds lease) {
  Command claim = group_command("XCLAIM");
  claim.push_back(consumer_);
  claim.push_back(std::to_string(lease.count()));
  const std::size_t none = claim.size();
  std::vector<std::string> worn;
  for (const Reply& entry : late.list) {
    if (entry.list.size() != 4) continue;
    if (entry.list[3].integer >= kMostDeliveries) worn.push_back(entry.list[0].text);
    claim.push_back(entry.list[0].text);
  }
  if (claim.size() == none) co_return std::vector<model::RunId>();
  auto taken = co_await call(std::move(claim));
  if (!taken) co_return taken.error();
  std::vector<model::RunId> ids = co_await hold(*taken);
  std::vector<model::RunId> given;
  for (model::RunId& id : ids) {
    if (std::ranges::find(worn, held_[id]) == worn.end()) {
      given.push_back(std::move(id));
    } else if (!co_await bury(id, "given to too many processes")) {
      held_.erase(id);  // it is there again after the lease
    }
  }
  co_return given;
}

// A look without end is somebody else's doing.
awaitable<Result<void>> RedisStream::forget_lost() {
  std::string at = "0";
  for (int page = 0; page < kMostPages; ++page) {
    auto next = co_await script(kForget, {at});
    if (!next) co_return next.error();
    at = std::move(next->text);
    if (at == "0") break;
  }
  co_return Result<void>{};
}

awaitable<Result<void>> RedisStream::keep() {
  if (held_.empty()) co_return Result<void>{};
  Command command = group_command("XCLAIM");
  command.push_back(consumer_);
  command.push_back("0");
  for (const auto& [id, entry] : held_) command.push_back(entry);
  command.push_back("JUSTID");
  auto reply = co_await call(std::move(command));
  if (!reply) co_return reply.error();
  co_return Result<void>{};
}

awaitable<Result<void>> RedisStream::done(const std::vector<model::RunId>& ids) {
  std::vector<std::string> arguments;
  for (const model::RunId& id : ids) {
    const auto found = held_.find(id);
    if (found == held_.end()) continue;
    arguments.push_back(found->second);
    arguments.push_back(id.str());
    held_.erase(found);
  }
  if (arguments.empty()) co_return Result<void>{};
  auto reply = co_await script(kDone, std::move(arguments));
  if (!reply) co_return reply.error();
  co_return Result<void>{};
}

awaitable<Result<void>> RedisStream::bury(const model::RunId& id, const std::string& why) {
  Command command = {"XADD", dead_, "MAXLEN", "~", kMostDead, "*", "run", id.str(), "why", why};
  auto reply = co_await call(std::move(command));
  if (!reply) co_return reply.error();
  std::vector<model::RunId> ids;
  ids.push_back(id);
  co_return co_await done(ids);
}

awaitable<Result<void>> RedisStream::give_back() {
  std::vector<std::string> arguments;
  for (const auto& [id, entry] : held_) {
    arguments.push_back(entry);
    arguments.push_back(id.str());
  }
  held_.clear();
  if (arguments.empty()) co_return Result<void>{};
  auto reply = co_await script(kGiveBack, std::move(arguments));
  if (!reply) co_return reply.error();
  co_return Result<void>{};
}

awaitable<Result<void>> RedisStream::forget_consumers() {
  auto reply = co_await call({"XINFO", "CONSUMERS", jobs_, kGroup});
  if (!reply) co_return reply.error();
  for (const Reply& consumer : reply->list) {
    std::string name;
    std::int64_t pending = 1, idle = 0;
    for (std::size_t i = 0; i + 1 < consumer.list.size(); i += 2) {
      if (consumer.list[i].text == "name") name = consumer.list[i + 1].text;
      if (consumer.list[i].text == "pending") pending = consumer.list[i + 1].integer;
      if (consumer.list[i].text == "idle") idle = consumer.list[i + 1].integer;
    }
    if (pending > 0 || idle < kForgotten || name == consumer_) continue;
    auto gone = co_await call({"XGROUP", "DELCONSUMER", jobs_, kGroup, std::move(name)});
    if (!gone) co_return gone.error();
  }
  co_return Result<void>{};
}

}  // namespace mecapy::queue
