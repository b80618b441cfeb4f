#include "feed/relay.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <optional>
#include <unordered_set>
#include <utility>

#include "base/json.h"

namespace mecapy::feed {
namespace {

namespace asio = boost::asio;
using boost::asio::awaitable;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kAnswer{2};
constexpr milliseconds kAgain{500};
constexpr seconds kWatchAgain{10};  // a watcher that is still there says so
constexpr seconds kWatched{30};     // without that, its log is told no longer
constexpr std::size_t kPiece = 256 * 1024;
constexpr std::size_t kProgressDepth = 16;

// The next word of a message, without the space behind it.
std::string_view word(std::string_view& text) {
  const std::string_view first = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(text.size(), first.size() + 1));
  return first;
}

template <class Number>
std::optional<Number> number(std::string_view& text) {
  const std::string_view digits = word(text);
  Number value{};
  const auto* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc() || stop != end || digits.empty()) return std::nullopt;
  return value;
}

}  // namespace

// What the loops hold as well, so that they end by themselves when the relay has gone.
class Relay::Shared : public std::enable_shared_from_this<Shared> {
 public:
  Shared(asio::any_io_executor executor, Feed& feed, RelayOptions options)
      : executor_(std::move(executor)),
        feed_(&feed),
        options_(std::move(options)),
        channel_(options_.prefix + ":feed"),
        tells_(executor_, options_.address),
        timer_(executor_),
        watch_timer_(executor_) {}

  void start() {
    asio::co_spawn(
        executor_, [self = shared_from_this()] { return self->listen(); }, asio::detached);
    asio::co_spawn(
        executor_, [self = shared_from_this()] { return self->watch(); }, asio::detached);
  }

  void end() {
    feed_ = nullptr;
    hears_.reset();
    timer_.cancel();
    watch_timer_.cancel();
  }

  void tell_status(const model::RunId& id, const Channel::State& state) {
    tell("S " + id.str() + " " + std::to_string(state.attempt) + " " +
         std::string(model::name(state.status)));
  }

  void tell_log(const model::RunId& id, const Channel::State& state, std::size_t offset) {
    while (offset < state.log.size()) {
      const std::string piece = state.log.substr(offset, kPiece);
      tell("L " + id.str() + " " + std::to_string(state.attempt) + " " + std::to_string(offset) +
           " " + piece);
      offset += piece.size();
    }
  }

  void tell_progress(const model::RunId& id, const Channel::State& state) {
    tell("P " + id.str() + " " + std::to_string(state.attempt) + " " + state.progress);
  }

  void want(const model::RunId& id) {
    wanted_[id] = feed_ == nullptr ? nullptr : feed_->find(id);
    tell("W " + id.str());
  }

  void tell(std::string text) {
    asio::co_spawn(
        executor_,
        [self = shared_from_this(), text = std::move(text)]() -> awaitable<void> {
          // Lost when Redis is away: the store is looked into then.
          (void)co_await self->tells_.call(
              {"PUBLISH", self->channel_, self->options_.origin + " " + text},
              base::after(kAnswer));
        },
        asio::detached);
  }

  void note_own(const model::RunId& id, const Channel::State& state) {
    if (state.status == model::RunStatus::running) {
      own_.insert(id);
    } else {
      own_.erase(id);
      watched_.erase(id);
    }
  }

  // Whether somebody elsewhere watches.
  bool is_watched(const model::RunId& id) {
    const auto found = watched_.find(id);
    if (found == watched_.end()) return false;
    if (std::chrono::steady_clock::now() < found->second) return true;
    watched_.erase(found);
    return false;
  }

 private:
  awaitable<void> sleep(asio::steady_timer& timer, std::chrono::steady_clock::duration d) {
    timer.expires_after(d);
    boost::system::error_code ec;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }

  awaitable<void> listen() {
    while (feed_ != nullptr) {
      hears_ = std::make_shared<redis::Client>(executor_, options_.address);
      const auto client = hears_;
      const auto subscribed = co_await client->call({"SUBSCRIBE", channel_}, base::after(kAnswer));
      bool there = subscribed && !subscribed->is_error();
      while (there && feed_ != nullptr) {
        const auto message = co_await client->next_message(base::after(seconds(60)));
        if (message) {
          hear(*message);
        } else {
          there = message.error().code == ErrorCode::deadline_exceeded;
        }
      }
      if (feed_ != nullptr) co_await sleep(timer_, kAgain);
    }
  }

  // Watchers that are still there say so again.
  awaitable<void> watch() {
    while (feed_ != nullptr) {
      co_await sleep(watch_timer_, kWatchAgain);
      std::erase_if(wanted_, [](const auto& entry) { return entry.second.expired(); });
      for (const auto& [id, channel] : wanted_) tell("K " + id.str());
    }
  }

  // [message, channel, "ORIGIN KIND RUN ..."]
  void hear(const redis::Reply& message) {
    if (feed_ == nullptr || message.list.size() != 3) return;
    std::string_view text = message.list[2].text;
    if (word(text) == options_.origin) return;
    const std::string_view kind = word(text);
    const auto id = model::RunId::parse(word(text));
    if (!id || kind.size() != 1) return;
    switch (kind[0]) {
      case 'C':
        if (options_.cancel) options_.cancel(*id);
        return;
      case 'W':
        note_watched(*id);
        return tell_all(*id);
      case 'K':
        return note_watched(*id);
      default:
        if (const auto channel = feed_->find(*id)) hear(*channel, *id, kind[0], text);
    }
  }

  void hear(Channel& channel, const model::RunId& id, char kind, std::string_view text) {
    const auto attempt = number<int>(text);
    if (!attempt) return;
    if (kind == 'S') {
      const bool begins = *attempt > channel.state().attempt;
      if (const auto status = model::parse_status(text)) channel.hear_status(*status, *attempt);
      // Who runs the next attempt does not know who watched the last.
      if (begins && wanted_.contains(id)) tell("W " + id.str());
    } else if (kind == 'P') {
      if (base::validate_json(text, kProgressDepth)) channel.hear_progress(*attempt, text);
    } else if (kind == 'L') {
      const auto offset = number<std::size_t>(text);
      if (offset && !channel.hear_log(*attempt, *offset, text)) tell("W " + id.str());
    }
  }

  void note_watched(const model::RunId& id) {
    if (own_.contains(id)) watched_[id] = base::after(kWatched);
  }

  // Of a run of this process.
  void tell_all(const model::RunId& id) {
    const auto channel = feed_->find(id);
    if (!channel || !own_.contains(id)) return;
    tell_status(id, channel->state());
    tell_log(id, channel->state(), 0);
    if (!channel->state().progress.empty()) tell_progress(id, channel->state());
  }

 private:
  asio::any_io_executor executor_;
  Feed* feed_;
  RelayOptions options_;
  std::string channel_;
  redis::Client tells_;
  std::shared_ptr<redis::Client> hears_;
  asio::steady_timer timer_, watch_timer_;
  std::unordered_set<model::RunId> own_;  // those that run in this process
  std::unordered_map<model::RunId, base::Deadline> watched_;
  std::unordered_map<model::RunId, std::weak_ptr<Channel>> wanted_;
};

Relay::Relay(asio::any_io_executor executor, Feed& feed, RelayOptions options)
    : shared_(std::make_shared<Shared>(std::move(executor), feed, std::move(options))) {
  shared_->start();
  feed.set_outlet(this);
}

Relay::~Relay() { shared_->end(); }

void Relay::status_changed(const model::RunId& id, const Channel::State& state) {
  shared_->note_own(id, state);
  shared_->tell_status(id, state);
}

void Relay::log_added(const model::RunId& id, const Channel::State& state, std::string_view text) {
  if (shared_->is_watched(id)) shared_->tell_log(id, state, state.log.size() - text.size());
}

void Relay::progress_changed(const model::RunId& id, const Channel::State& state) {
  if (shared_->is_watched(id)) shared_->tell_progress(id, state);
}

void Relay::watched(const model::RunId& id) { shared_->want(id); }

void Relay::cancel(const model::RunId& id) { shared_->tell("C " + id.str()); }

}  // namespace mecapy::feed
