#include "queue/redis_stream.h"

#include <utility>

namespace mecapy::queue {
namespace {

using redis::Command;
using redis::Reply;
using std::chrono::milliseconds;

constexpr milliseconds kAnswer{2000};
constexpr const char* kGroup = "mecapy";
constexpr const char* kPage = "100";
constexpr int kMostDeliveries = 10;
constexpr const char* kMostDead = "1000";
constexpr std::int64_t kForgotten = 600'000;  // milliseconds

// KEYS: jobs later known dead. ARGV: id and pause of each run, in milliseconds.
constexpr const char* kPush = R"lua(
local function waiting()
  local pending = redis.call('XPENDING', KEYS[1], 'mecapy')[1]
  return redis.call('HLEN', KEYS[3]) - pending
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
for i = 1, #ARGV, 2 do
  local id, due = ARGV[i], now + tonumber(ARGV[i + 1])
  local place = redis.call('HGET', KEYS[3], id)
  if (not place or place == 'later') and due <= now then
    if place then redis.call('ZREM', KEYS[2], id) end
    redis.call('HSET', KEYS[3], id, redis.call('XADD', KEYS[1], '*', 'run', id))
  elseif not place then
    redis.call('ZADD', KEYS[2], due, id)
    redis.call('HSET', KEYS[3], id, 'later')
  elseif place == 'later' then
    redis.call('ZADD', KEYS[2], 'LT', due, id)
  end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 500)) do
  redis.call('ZREM', KEYS[2], id)
  redis.call('HSET', KEYS[3], id, redis.call('XADD', KEYS[1], '*', 'run', id))
end
return waiting())lua";

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

Error refused(const Reply& reply) {
  return fail(ErrorCode::unavailable, "Redis refused a command: " + reply.text);
}

}  // namespace

RedisStream::RedisStream(redis::Client& calls, redis::Client& reads, std::string prefix,
                         std::string consumer)
    : calls_(calls),
      reads_(reads),
      jobs_(prefix + ":jobs"),
      later_(prefix + ":later"),
      known_(prefix + ":known"),
      dead_(prefix + ":dead"),
      consumer_(std::move(consumer)) {}

awaitable<Result<Reply>> RedisStream::call(Command command) {
  auto reply = co_await calls_.call(std::move(command), base::after(kAnswer));
  if (reply && reply->is_error()) co_return refused(*reply);
  co_return reply;
}

awaitable<Result<Reply>> RedisStream::script(const char* text, std::vector<std::string> arguments) {
  Command command = {"EVAL", text, "4", jobs_, later_, known_, dead_};
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
  std::vector<std::string> arguments;
  for (const Waiting& run : runs) {
    arguments.push_back(run.id.str());
    arguments.push_back(std::to_string(std::chrono::ceil<milliseconds>(run.pause).count()));
  }
  auto reply = co_await script(kPush, std::move(arguments));
  if (!reply) co_return reply.error();
  co_return reply->integer;
}

awaitable<Result<std::int64_t>> RedisStream::promote() { co_return co_await push({}); }

// Keeps the entries [[entry, [run, id]], ...]; what cannot be read is passed over.
std::vector<model::RunId> RedisStream::hold(const Reply& entries) {
  std::vector<model::RunId> ids;
  for (const Reply& entry : entries.list) {
    if (entry.list.size() != 2 || entry.list[1].list.size() < 2) continue;
    const auto id = model::RunId::parse(entry.list[1].list[1].text);
    if (!id) continue;
    held_[*id] = entry.list[0].text;
    ids.push_back(*id);
  }
  return ids;
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
  co_return hold(reply->list[0].list[1]);
}

awaitable<Result<std::vector<model::RunId>>> RedisStream::take_over(milliseconds lease) {
  // Those given too often first: they are not given again.
  Command pending = group_command("XPENDING");
  for (std::string word : {std::string("IDLE"), std::to_string(lease.count()), std::string("-"),
                           std::string("+"), std::string(kPage)}) {
    pending.push_back(std::move(word));
  }
  auto late = co_await call(std::move(pending));
  if (!late) co_return late.error();
  Command claim = group_command("XCLAIM");
  claim.push_back(consumer_);
  claim.push_back(std::to_string(lease.count()));
  const std::size_t none = claim.size();
  std::vector<std::string> worn;
  for (const Reply& entry : late->list) {
    if (entry.list.size() != 4) continue;
    if (entry.list[3].integer >= kMostDeliveries) worn.push_back(entry.list[0].text);
    claim.push_back(entry.list[0].text);
  }
  if (claim.size() == none) co_return std::vector<model::RunId>();
  auto taken = co_await call(std::move(claim));
  if (!taken) co_return taken.error();
  std::vector<model::RunId> ids = hold(*taken);
  std::vector<model::RunId> given;
  for (model::RunId& id : ids) {
    bool is_worn = false;
    for (const std::string& entry : worn) is_worn = is_worn || held_[id] == entry;
    if (!is_worn) {
      given.push_back(std::move(id));
    } else if (auto done = co_await bury(id, "given to too many processes"); !done) {
      co_return done.error();
    }
  }
  co_return given;
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
