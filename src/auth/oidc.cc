#include "auth/oidc.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <mutex>
#include <utility>
#include <vector>

#include "net/http_client.h"

namespace mecapy::auth {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using std::chrono::seconds;
using Time = std::chrono::steady_clock::time_point;

constexpr seconds kFetch{5};
// So many at once, then one every so often: a stranger can make up key ids.
constexpr int kFetches = 3;
constexpr seconds kBetweenFetches{10};
constexpr seconds kFresh{3600};
// Keys that could not be fetched anew for so long are not believed any more.
constexpr seconds kUsable{24 * 3600};

Error away(const std::string& why) {
  return fail(ErrorCode::unavailable, "the identity provider cannot be asked: " + why);
}

// Of a fetch; away() says whom it was from.
Error unusable(const std::string& why) { return fail(ErrorCode::unavailable, why); }

std::string with_hint(const std::string& why) {
  if (why.find("certificate") == std::string::npos) return why;
  return why + "; MECAPY_OIDC_CA (oidc.ca) names the file of those to trust";
}

class Oidc final : public Authenticator {
 public:
  Oidc(OidcOptions options, std::shared_ptr<const base::Clock> clock)
      : options_(std::move(options)), clock_(std::move(clock)), http_({.ca = options_.ca}) {}

  Result<Principal> check(std::optional<std::string_view> authorization) const override {
    return judge(authorization, Keys::can_be_fetched);
  }

  awaitable<Result<Principal>> authenticate(std::optional<std::string_view> authorization,
                                            base::Deadline deadline) override {
    auto caller = check(authorization);
    if (caller || caller.error().code != ErrorCode::unavailable) co_return caller;
    co_await refresh(std::min(deadline, base::after(kFetch)));
    co_return judge(authorization, Keys::were_fetched);
  }

  awaitable<Result<void>> ready(base::Deadline deadline) override {
    if (!has_fresh_keys()) co_await refresh(std::min(deadline, base::after(kFetch)));
    const std::lock_guard lock(mutex_);
    if (!keys_) co_return away(last_failure_);
    co_return Result<void>{};
  }

 private:
  enum class Keys { can_be_fetched, were_fetched };

  Result<Principal> judge(std::optional<std::string_view> authorization, Keys keys) const {
    const auto token = bearer_token(authorization);
    if (!token) return token.error();
    const std::lock_guard lock(mutex_);
    const Time now = options_.steady_now();
    const bool fresh = keys_ && now - fetched_ < kFresh;
    const auto key_id = key_id_of(*token);
    if (keys == Keys::can_be_fetched && key_id && (!fresh || !keys_->has(*key_id)) &&
        may_fetch(now)) {
      return away("its keys are not known yet");  // authenticate() fetches them
    }
    const bool unknown = key_id && keys_ && !keys_->has(*key_id);
    if (!keys_ || now - fetched_ >= kUsable || (unknown && !reached_)) {
      // What no key could make good is refused, though none is known.
      return key_id ? away(last_failure_)
                    : check_token(*token, KeySet(), options_.expected, clock_->now());
    }
    return check_token(*token, *keys_, options_.expected, clock_->now());
  }

  // A bucket of kFetches that fills by one every kBetweenFetches.
  bool may_fetch(Time now) const { return spent_until_ <= now + (kFetches - 1) * kBetweenFetches; }

  bool has_fresh_keys() const {
    const std::lock_guard lock(mutex_);
    return keys_ && options_.steady_now() - fetched_ < kFresh;
  }

  // One fetch at a time: who comes meanwhile waits for its end.
  awaitable<void> refresh(base::Deadline deadline) {
    auto timer = std::make_shared<asio::steady_timer>(co_await asio::this_coro::executor, deadline);
    {
      const std::lock_guard lock(mutex_);
      if (fetching_) {
        waiting_.push_back(timer);
      } else if (const Time now = options_.steady_now(); !may_fetch(now)) {
        co_return;
      } else {
        fetching_ = true;
        spent_until_ = std::max(spent_until_, now) + kBetweenFetches;
        timer.reset();
      }
    }
    if (timer) {
      boost::system::error_code ec;
      co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ec));
      co_return;
    }
    const End end(*this);
    auto keys = co_await fetch(deadline);
    const std::lock_guard lock(mutex_);
    if (keys) {
      keys_ = std::make_unique<KeySet>(std::move(*keys));
      fetched_ = options_.steady_now();
      reached_ = true;
    } else {
      last_failure_ = keys.error().message;
      reached_ = false;
    }
  }

  // Wakes who waits for a fetch, however it ended.
  class End {
   public:
    explicit End(Oidc& oidc) : oidc_(oidc) {}
    ~End() {
      std::vector<std::shared_ptr<asio::steady_timer>> waiting;
      {
        const std::lock_guard lock(oidc_.mutex_);
        oidc_.fetching_ = false;
        waiting.swap(oidc_.waiting_);
      }
      for (const auto& timer : waiting) timer->cancel();
    }
    End(const End&) = delete;
    End& operator=(const End&) = delete;

   private:
    Oidc& oidc_;
  };

  awaitable<Result<KeySet>> fetch(base::Deadline deadline) {
    const std::string& issuer = options_.expected.issuer;
    const std::string_view slash = issuer.ends_with('/') ? "" : "/";
    auto found =
        co_await get(issuer + std::string(slash) + ".well-known/openid-configuration", deadline);
    if (!found) co_return found.error();
    json::error_code ec;
    const json::value document = json::parse(*found, ec);
    const json::object* object = ec ? nullptr : document.if_object();
    const auto text = [object](const char* name) {
      const json::value* value = object == nullptr ? nullptr : object->if_contains(name);
      return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
    };
    if (text("issuer") != issuer) co_return unusable("its discovery document is of another issuer");
    const std::string url = text("jwks_uri");
    if (auto fine = net::check_url(url); !fine) co_return unusable("its keys are at no safe URL");
    auto keys = co_await get(url, deadline);
    if (!keys) co_return keys.error();
    co_return KeySet::parse(*keys);
  }

  awaitable<Result<std::string>> get(std::string url, base::Deadline deadline) {
    net::Outgoing request;
    request.url = std::move(url);
    auto answered = co_await http_.send(std::move(request), deadline);
    if (auto* none = std::get_if<net::NoAnswer>(&answered))
      co_return unusable(with_hint(none->error.message));
    auto& response = std::get<net::Response>(answered);
    if (response.status != 200)
      co_return unusable("it answered " + std::to_string(response.status));
    co_return std::move(response.body);
  }

  OidcOptions options_;
  std::shared_ptr<const base::Clock> clock_;
  net::HttpClient http_;
  mutable std::mutex mutex_;
  std::unique_ptr<KeySet> keys_;
  Time fetched_{};
  Time spent_until_{};
  std::string last_failure_ = "it was not reached yet";
  bool reached_ = false;  // at the last fetch
  bool fetching_ = false;
  std::vector<std::shared_ptr<asio::steady_timer>> waiting_;  // used on one thread
};

}  // namespace

Result<std::unique_ptr<Authenticator>> make_oidc_authenticator(
    OidcOptions options, std::shared_ptr<const base::Clock> clock) {
  if (auto fine = net::check_url(options.expected.issuer); !fine) return fine.error();
  if (options.expected.audience.empty()) {
    return fail(ErrorCode::usage, "oidc.audience is empty: any token of the issuer would do");
  }
  return std::make_unique<Oidc>(std::move(options), std::move(clock));
}

}  // namespace mecapy::auth
