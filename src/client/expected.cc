#include "client/expected.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "base/utf8.h"

namespace mecapy::client {
namespace {

constexpr std::size_t kShown = 300;

struct Row {
  std::string_view media;  // "": any
  std::string_view name;
};
constexpr std::array kRows = {Row{"application/json", "JSON"}, Row{"text/plain", "a text"},
                              Row{"text/event-stream", "events"}, Row{"", "a file"},
                              Row{"", "nothing"}};

// "application/json" of "Application/JSON; charset=utf-8".
std::string media_type(const net::Response& answer) {
  std::string_view text = net::find_header(answer.headers, "Content-Type").value_or("");
  text = text.substr(0, text.find(';'));
  while (text.ends_with(' ')) text.remove_suffix(1);
  std::string media(text);
  std::ranges::transform(media, media.begin(), [](unsigned char c) { return std::tolower(c); });
  return media;
}

}  // namespace

Result<void> refuse_redirect(const std::string& url, const net::Response& answer) {
  if (answer.status / 100 != 3) return {};
  const auto place = net::find_header(answer.headers, "Location");
  return fail(ErrorCode::usage,
              url + " answers " + std::to_string(answer.status) + " and names " +
                  (place ? base::one_line(*place, kShown) : "no other place") +
                  ", which is not followed: give the address of the server itself");
}

Result<void> check_answer(const std::string& url, Expects expected, const net::Response& answer) {
  if (auto fine = refuse_redirect(url, answer); !fine) return fine.error();
  const Row& row = kRows[static_cast<std::size_t>(expected)];
  const std::string media = media_type(answer);
  const bool right_status =
      expected == Expects::nothing ? answer.status == 204 : answer.status / 100 == 2;
  if (right_status && (row.media.empty() || media == row.media)) return {};
  return fail(ErrorCode::unavailable,
              url + " answers " + std::to_string(answer.status) + " with " +
                  (media.empty() ? "no type" : base::one_line(media, kShown)) + " where " +
                  std::string(row.name) + " was expected: that is no answer of MecaPy");
}

}  // namespace mecapy::client
