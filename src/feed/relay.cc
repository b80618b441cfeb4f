#include "feed/relay.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <limits>
#include <optional>
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
constexpr seconds kWatchAgain{10};       // a watcher that is still there says so
constexpr seconds kWatched{30};          // without that, its log is told no longer
constexpr seconds kAskAgain{1};          // a question without an answer is lost
constexpr seconds kHold{10};             // what was heard is kept for who watches again
constexpr milliseconds kTellAgain{100};  // between two answers about one run
constexpr std::size_t kPiece = 256 * 1024;
constexpr std::size_t kUnderWay = 1 << 20;  // bytes that may wait for Redis, beside pieces of logs
constexpr std::size_t kNobody = std::numeric_limits<std::size_t>::max();
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
    wanted_.clear();
    hears_.reset();
    timer_.cancel();
    watch_timer_.cancel();
  }

  void tell_status(const model::RunId& id, const Channel::State& state) {
    tell("S " + id.str() + " " + std::to_string(state.attempt) + " " +
         std::string(model::name(state.status)));
  }

  // Somebody here watches. What is heard stays for a while after him. Of a run of this process
  // others are asked when it is theirs.
  void want(const model::RunId& id) {
    auto channel = feed_ == nullptr ? nullptr : feed_->find(id);
    if (!channel) return;
    Wanted& wanted = wanted_[id];
    wanted.channel = channel;
    if (channel->state().here) return;
    wanted.held = std::move(channel);
    wanted.held_until = base::after(kHold);
    ask(id, wanted);
  }

  // Lost when Redis is away or too slow: the store is looked into then.
  void tell(std::string text) {
    if (under_way_ + text.size() > kUnderWay) return;
    under_way_ += text.size();
    asio::co_spawn(
        executor_,
        [self = shared_from_this(), text = std::move(text)]() -> awaitable<void> {
          (void)co_await self->publish(text);
          self->under_way_ -= text.size();
        },
        asio::detached);
  }

  void note_own(const model::RunId& id, const Channel::State& state) {
    if (state.status != model::RunStatus::running) {
      own_.erase(id);
      if (model::is_end(state.status)) wanted_.erase(id);
      return;
    }
    std::shared_ptr<Own>& own = own_[id];
    if (!own) own = std::make_shared<Own>();
    own->told = 0;
  }

  void log_grew(const model::RunId& id) {
    const auto own = own_.find(id);
    if (own != own_.end() && own->second->is_watched()) go_on(id, own->second);
  }

  void progress_changed(const model::RunId& id) {
    const auto own = own_.find(id);
    if (own == own_.end() || !own->second->is_watched()) return;
    own->second->progress_due = true;
    go_on(id, own->second);
  }

 private:
  // A run that somebody here watches.
  struct Wanted {
    std::weak_ptr<Channel> channel{};
    std::shared_ptr<Channel> held{};  // until held_until
    base::Deadline held_until{};
    base::Deadline asked_until{};  // a question is on its way
  };

  // A run of this process, and what those who watch it elsewhere were told.
  struct Own {
    base::Deadline watched_until{};
    std::size_t told = 0;              // bytes of the log
    std::size_t asked_from = kNobody;  // somebody asked who has these bytes, and was not answered
    base::Deadline answer_next{};
    bool progress_due = false;
    bool telling = false;
    bool is_watched() const { return std::chrono::steady_clock::now() < watched_until; }
  };

  awaitable<bool> publish(std::string text) {
    redis::Command command{"PUBLISH", channel_, options_.origin + " " + std::move(text)};
    const auto reply = co_await tells_.call(std::move(command), base::after(kAnswer));
    co_return reply.has_value();
  }

  void ask(const model::RunId& id, Wanted& wanted) {
    const auto channel = wanted.channel.lock();
    const auto now = std::chrono::steady_clock::now();
    if (!channel || channel->state().here || now < wanted.asked_until) return;
    wanted.asked_until = now + kAskAgain;
    tell("W " + id.str() + " " + std::to_string(channel->state().attempt) + " " +
         std::to_string(channel->state().log.size()));
  }

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

  // Watchers that are still there say so again; what is over is forgotten.
  awaitable<void> watch() {
    while (feed_ != nullptr) {
      co_await sleep(watch_timer_, kWatchAgain);
      if (feed_ == nullptr) co_return;
      const auto now = std::chrono::steady_clock::now();
      for (auto& [id, wanted] : wanted_) {
        if (now >= wanted.held_until) wanted.held.reset();
      }
      std::erase_if(wanted_, [](const auto& entry) { return entry.second.channel.expired(); });
      std::erase_if(own_, [this](const auto& entry) { return running(entry.first) == nullptr; });
      for (auto& [id, wanted] : wanted_) ask(id, wanted);
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
        return hear_question(*id, text);
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
      if (model::is_end(channel.state().status)) wanted_.erase(id);
      // Who runs the next attempt does not know who watched the last.
      if (begins) {
        set_asked(id, {});
        ask_again(id);
      }
    } else if (kind == 'N') {
      const auto size = number<std::size_t>(text);
      if (!size) return;
      if (*attempt > channel.state().attempt) {
        channel.hear_status(model::RunStatus::running, *attempt);
      }
      channel.hear_log_size(*attempt, *size);
      note_answered(id, channel.state());
    } else if (kind == 'P') {
      if (base::validate_json(text, kProgressDepth)) channel.hear_progress(*attempt, text);
    } else if (kind == 'L') {
      const auto offset = number<std::size_t>(text);
      if (!offset || *offset > options_.most_log) return;
      text = text.substr(0, options_.most_log - *offset);
      if (!channel.hear_log(*attempt, *offset, text)) return ask_again(id);
      note_answered(id, channel.state());
    }
  }

  void ask_again(const model::RunId& id) {
    if (const auto wanted = wanted_.find(id); wanted != wanted_.end()) ask(id, wanted->second);
  }

  void set_asked(const model::RunId& id, base::Deadline until) {
    if (const auto wanted = wanted_.find(id); wanted != wanted_.end()) {
      wanted->second.asked_until = until;
    }
  }

  // An answer is on its way until all of the log has come that it told of.
  void note_answered(const model::RunId& id, const Channel::State& state) {
    set_asked(id, state.log.size() < state.log_size ? base::after(kAskAgain) : base::Deadline{});
  }

  // The channel of a run of this process.
  std::shared_ptr<Channel> running(const model::RunId& id) const {
    auto channel = feed_ == nullptr ? nullptr : feed_->find(id);
    return channel && channel->state().here ? channel : nullptr;
  }

  // "ATTEMPT BYTES": what somebody has who watches. Those who ask while an answer waits get one.
  void hear_question(const model::RunId& id, std::string_view text) {
    const auto found = own_.find(id);
    const auto channel = running(id);
    if (found == own_.end() || !channel) return;
    const Channel::State& state = channel->state();
    const bool current = number<int>(text) == state.attempt;
    const std::size_t has = current ? number<std::size_t>(text).value_or(0) : 0;
    Own& own = *found->second;
    own.asked_from = std::min({own.asked_from, has, state.log.size()});
    if (!own.is_watched()) own.told = own.asked_from;
    own.watched_until = base::after(kWatched);
    go_on(id, found->second);
  }

  void go_on(const model::RunId& id, const std::shared_ptr<Own>& own) {
    if (own->telling) return;
    own->telling = true;
    asio::co_spawn(
        executor_, [self = shared_from_this(), id, own] { return self->tell_watchers(id, own); },
        asio::detached);
  }

  // Tells what is new of a run of this process until nothing is. One message is on its way at a
  // time, so that what Redis is slow to take does not pile up here.
  awaitable<void> tell_watchers(model::RunId id, std::shared_ptr<Own> own) {
    asio::steady_timer timer(executor_);
    bool there = true;
    while (there) {
      const auto known = own_.find(id);
      const auto channel = running(id);
      if (known == own_.end() || known->second != own || !channel) break;
      const std::size_t told = own->told;
      const std::string message = next_message(id, channel->state(), *own);
      if (!message.empty()) {
        there = co_await publish(message);
        if (!there) own->told = std::min(own->told, told);
      } else if (own->asked_from != kNobody) {
        co_await sleep(timer, own->answer_next - std::chrono::steady_clock::now());
      } else {
        break;
      }
    }
    own->telling = false;
  }

  // "" when there is none now.
  std::string next_message(const model::RunId& id, const Channel::State& state, Own& own) {
    const auto now = std::chrono::steady_clock::now();
    const std::string head = " " + id.str() + " " + std::to_string(state.attempt) + " ";
    if (own.asked_from != kNobody && now >= own.answer_next) {
      own.told = std::min(own.told, std::exchange(own.asked_from, kNobody));
      own.answer_next = now + kTellAgain;
      own.progress_due = true;
      return "N" + head + std::to_string(state.log.size());
    }
    if (own.told < state.log.size()) {
      const std::string piece = state.log.substr(own.told, kPiece);
      const std::string message = "L" + head + std::to_string(own.told) + " " + piece;
      own.told += piece.size();
      return message;
    }
    if (std::exchange(own.progress_due, false) && !state.progress.empty()) {
      return "P" + head + state.progress;
    }
    return "";
  }

 private:
  asio::any_io_executor executor_;
  Feed* feed_;
  RelayOptions options_;
  std::string channel_;
  redis::Client tells_;
  std::shared_ptr<redis::Client> hears_;
  asio::steady_timer timer_, watch_timer_;
  std::size_t under_way_ = 0;
  std::unordered_map<model::RunId, std::shared_ptr<Own>> own_;
  std::unordered_map<model::RunId, Wanted> wanted_;
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

void Relay::log_added(const model::RunId& id, const Channel::State& /*state*/,
                      std::string_view /*text*/) {
  shared_->log_grew(id);
}

void Relay::progress_changed(const model::RunId& id, const Channel::State& /*state*/) {
  shared_->progress_changed(id);
}

void Relay::watched(const model::RunId& id) { shared_->want(id); }

void Relay::cancel(const model::RunId& id) { shared_->tell("C " + id.str()); }

}  // namespace mecapy::feed
