#include "clouds/cloud_calls.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <utility>

#include "base/jitter.h"
#include "base/utf8.h"

namespace mecapy::clouds {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::size_t kLongestWords = 300;
constexpr std::size_t kLongestId = 64;
// Nothing that people have to read is that long without a space: a UUID has 36.
constexpr std::size_t kLooksLikeAKey = 40;
constexpr std::size_t kDeepest = 32;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool in_a_key(char c) {
  return is_letter(c) || is_digit(c) || std::string_view("+/=_-.").find(c) != std::string::npos;
}

void replace_all(std::string& text, std::string_view what) {
  if (what.empty()) return;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos;) {
    text.replace(at, what.size(), "***");
  }
}

std::string without_keys(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const auto end = std::ranges::find_if_not(text, in_a_key);
    const auto length = static_cast<std::size_t>(end - text.begin());
    shown += length >= kLooksLikeAKey ? std::string_view("***") : text.substr(0, length);
    if (length < text.size()) shown += text[length];
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return shown;
}

std::optional<json::value> parse(const std::string& text) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return json::value();
  json::parse_options options;
  options.max_depth = kDeepest;
  json::error_code ec;
  json::value value = json::parse(text, ec, {}, options);
  if (ec) return std::nullopt;
  return value;
}

const json::value kNull;
const json::array kNone;

}  // namespace

CloudCalls::CloudCalls(CallOptions options, Judge judge)
    : options_(std::move(options)), judge_(std::move(judge)), http_({.ca = options_.ca}) {}

std::string CloudCalls::shown(std::string_view words) const {
  std::string text(words.substr(0, 16 * kLongestWords));
  for (const std::string& secret : options_.secrets) replace_all(text, secret);
  return base::one_line(without_keys(text), kLongestWords);
}

Refusal CloudCalls::refusal(Trouble trouble, std::string_view what, std::string_view words) const {
  return {trouble, options_.cloud + ": " + std::string(what) + ": " + shown(words)};
}

Called CloudCalls::judge(const CloudRequest& request, net::Answered answered) const {
  const Trouble lost = request.repeat == Repeat::may ? Trouble::passing : Trouble::unknown;
  if (const auto* none = std::get_if<net::NoAnswer>(&answered)) {
    const bool nobody = none->reached == net::Reached::nobody;
    return Refused{refusal(nobody ? Trouble::passing : lost, request.what,
                           "no answer: " + none->error.message),
                   0};
  }
  auto& response = std::get<net::Response>(answered);
  const int status = response.status;
  auto body = parse(response.body);
  if ((status >= 200 && status < 300) || status == 404) {
    if (body || status == 404) {
      return Reply{status, body ? std::move(*body) : json::value(), std::move(response.headers)};
    }
    return Refused{refusal(lost, request.what, "an answer that is no JSON"), status};
  }
  Judged judged = judge_(status, body ? *body : kNull);
  if (status == 429 || status == 408 || status == 425) judged.trouble = Trouble::passing;
  if (status >= 500 && judged.trouble != Trouble::out_of_stock) judged.trouble = lost;
  if (judged.words.empty() && !body) judged.words = response.body;
  return Refused{refusal(judged.trouble, request.what,
                         std::to_string(status) + (judged.words.empty() ? "" : " ") + judged.words),
                 status};
}

awaitable<Called> CloudCalls::call(CloudRequest request, base::Deadline deadline) {
  Refused last{refusal(Trouble::passing, request.what, "no time was left for it"), 0};
  for (int tries = 0; tries < options_.tries; ++tries) {
    if (tries > 0) {
      const auto pause = base::jittered_backoff(options_.backoff, options_.backoff_max, tries);
      if (base::after(pause) >= deadline) co_return last;
      asio::steady_timer timer(co_await asio::this_coro::executor, pause);
      boost::system::error_code ec;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    }
    if (std::chrono::steady_clock::now() >= deadline) co_return last;
    net::Outgoing outgoing;
    outgoing.method = request.method;
    outgoing.url = request.url;
    outgoing.headers = request.headers;
    if (!request.body.empty()) {
      outgoing.headers.emplace_back("Content-Type", request.content_type);
      outgoing.body = request.body;
    }
    outgoing.max_response = options_.max_response;
    outgoing.repeatable = request.repeat == Repeat::may;
    auto answered =
        co_await http_.send(std::move(outgoing), std::min(deadline, base::after(options_.call)));
    Called called = judge(request, std::move(answered));
    auto* refused = std::get_if<Refused>(&called);
    if (refused == nullptr || refused->refusal.trouble != Trouble::passing) co_return called;
    last = std::move(*refused);
  }
  co_return last;
}

const json::value& value_at(const json::value& value,
                            std::initializer_list<std::string_view> path) {
  const json::value* at = &value;
  for (const std::string_view name : path) {
    const json::object* object = at->if_object();
    at = object == nullptr ? nullptr : object->if_contains(name);
    if (at == nullptr) return kNull;
  }
  return *at;
}

std::string text_at(const json::value& value, std::initializer_list<std::string_view> path) {
  const json::string* text = value_at(value, path).if_string();
  return text == nullptr ? "" : std::string(*text);
}

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= kLongestId && text.front() != '.' &&
         std::ranges::all_of(text, [](char c) {
           return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
         });
}

std::string id_at(const json::value& value, std::initializer_list<std::string_view> path) {
  std::string text = text_at(value, path);
  return is_id(text) ? text : "";
}

const json::array& array_at(const json::value& value,
                            std::initializer_list<std::string_view> path) {
  const json::array* array = value_at(value, path).if_array();
  return array == nullptr ? kNone : *array;
}

std::optional<base::TimePoint> parse_time(std::string_view text) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  if (text.size() < kForm.size()) return std::nullopt;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == 'd' ? !is_digit(text[i]) : text[i] != kForm[i]) return std::nullopt;
  }
  std::string_view rest = text.substr(kForm.size());
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    while (!rest.empty() && is_digit(rest.front())) rest.remove_prefix(1);
  }
  if (!rest.empty() && rest != "Z" && rest != "+00:00") return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t length) {
    int n = 0;
    std::from_chars(text.data() + at, text.data() + at + length, n);
    return n;
  };
  const std::chrono::year_month_day day{std::chrono::year(number(0, 4)),
                                        std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                        std::chrono::day(static_cast<unsigned>(number(8, 2)))};
  if (!day.ok() || number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 60) {
    return std::nullopt;
  }
  return std::chrono::time_point_cast<std::chrono::microseconds>(
      std::chrono::sys_days(day) + std::chrono::hours(number(11, 2)) +
      std::chrono::minutes(number(14, 2)) + std::chrono::seconds(number(17, 2)));
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || c == '~') {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += kDigits[byte >> 4];
      encoded += kDigits[byte & 15];
    }
  }
  return encoded;
}

}  // namespace mecapy::clouds
