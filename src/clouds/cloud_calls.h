// One call to a cloud's API: JSON both ways, within bounds, judged by what can be done about it.
//
// Whoever answers is a stranger: bodies are bounded before they are read, words of theirs are shown
// in one line without what could steer a terminal, and neither a key of ours nor anything that
// looks like one is in them.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "clouds/placer.h"
#include "net/http_client.h"

namespace mecapy::clouds {

// What may be done when it is not known whether a request was done.
enum class Repeat : std::uint8_t {
  may,    // it changes nothing, or the same again changes nothing more
  never,  // it makes something: twice is two
};

struct CloudRequest {
  std::string what;  // for people: "a server is made"
  Repeat repeat = Repeat::may;
  std::string method = "GET";
  std::string url;
  net::Headers headers{};
  std::string body{};
  std::string content_type = "application/json";
};

// An answer of 2xx, or 404.
struct Reply {
  int status = 200;
  boost::json::value body{};  // null when there was none
  net::Headers headers{};

  bool found() const { return status != 404; }
};
struct Refused {
  Refusal refusal;
  int status = 0;  // of the last answer; 0: there was none
};
using Called = std::variant<Reply, Refused>;

// What an error says, in its cloud's own shape. `body` is null when it was no JSON.
struct Judged {
  Trouble trouble = Trouble::refused;
  std::string words;  // of the answer
};
using Judge = std::function<Judged(int status, const boost::json::value& body)>;

struct CallOptions {
  std::string cloud;                   // for people: "Scaleway"
  std::string ca{};                    // as net::ClientOptions has it
  std::vector<std::string> secrets{};  // never shown
  std::chrono::milliseconds call{30'000};
  int tries = 4;
  std::chrono::milliseconds backoff{300};  // before the second try; doubles, with jitter
  std::chrono::milliseconds backoff_max{5'000};
  std::int64_t max_response = 4 << 20;
};

class CloudCalls {
 public:
  CloudCalls(CallOptions options, Judge judge);

  // The answer, after as many tries as it may have: what surely was not done is tried again, what
  // may have been done only where that does no harm. No try begins, and no pause ends, after
  // `deadline`.
  awaitable<Called> call(CloudRequest request, base::Deadline deadline);

  // A refusal in words as those above.
  Refusal refusal(Trouble trouble, std::string_view what, std::string_view words) const;

 private:
  Called judge(const CloudRequest& request, net::Answered answered) const;
  std::string shown(std::string_view words) const;

  CallOptions options_;
  Judge judge_;
  net::HttpClient http_;
};

// ---- reading what a stranger sent

// The text at `path`, "" when there is none.
std::string text_at(const boost::json::value& value, std::initializer_list<std::string_view> path);
// What is at `path`, or null.
const boost::json::value& value_at(const boost::json::value& value,
                                   std::initializer_list<std::string_view> path);
// The same of a text that may be part of a URL's path: letters, digits, '-', '_' and '.'; "" for
// another.
std::string id_at(const boost::json::value& value, std::initializer_list<std::string_view> path);
bool is_id(std::string_view text);
// The elements of the array at `path`; none when there is no array.
const boost::json::array& array_at(const boost::json::value& value,
                                   std::initializer_list<std::string_view> path);
// "2026-11-23T10:00:00Z", also with a fraction or +00:00.
std::optional<base::TimePoint> parse_time(std::string_view text);
// As part of a URL's query.
std::string percent_encoded(std::string_view text);

}  // namespace mecapy::clouds
