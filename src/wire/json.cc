#include "wire/json.h"

#include <boost/json/parse.hpp>
#include <charconv>
#include <set>

#include "base/utf8.h"

namespace mecapy::wire {
namespace {

namespace json = boost::json;

// An error need not repeat a key of any length.
constexpr std::size_t kLongestKey = 200;

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// Walks over text that has been validated; so it checks nothing.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) { skip_space(); }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void step() {
    ++at_;
    skip_space();
  }
  // The value at the cursor; afterwards the cursor is behind it.
  std::string_view value() {
    const std::size_t begin = at_;
    int depth = 0;
    do {
      const char c = text_[at_];
      if (c == '"') {
        skip_string();
        continue;
      }
      if (depth == 0 && c != '{' && c != '[') {
        skip_scalar();
        continue;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      ++at_;
    } while (depth > 0);
    const std::string_view found = text_.substr(begin, at_ - begin);
    skip_space();
    return found;
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  void skip_string() {
    for (++at_; text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    ++at_;
  }
  void skip_scalar() {
    while (at_ < text_.size() && !is_space(text_[at_]) && text_[at_] != ',' && text_[at_] != '}' &&
           text_[at_] != ']') {
      ++at_;
    }
  }
  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<std::string> string_value(std::string_view raw) {
  if (!raw.starts_with('"')) return std::nullopt;
  json::error_code ec;
  const json::value value = json::parse(raw, ec);
  if (ec) return std::nullopt;
  return std::string(value.as_string());
}

Result<std::vector<Member>> object_members(std::string_view text, Doubled doubled) {
  Cursor cursor(text);
  if (cursor.peek() != '{') return fail_at("", ErrorCode::invalid_request, "must be a JSON object");
  std::vector<Member> members;
  std::set<std::string> seen;
  for (cursor.step(); cursor.peek() != '}';) {
    std::string key = string_value(cursor.value()).value_or("");
    cursor.step();  // ':'
    if (doubled == Doubled::refused && !seen.insert(key).second) {
      const std::string_view shown =
          base::whole_characters(std::string_view(key).substr(0, kLongestKey));
      return fail_at(base::pointer_to("", shown), ErrorCode::invalid_request,
                     "the key \"" + std::string(shown) + "\" is given twice");
    }
    members.push_back({std::move(key), cursor.value()});
    if (cursor.peek() == ',') cursor.step();
  }
  return members;
}

std::vector<std::string_view> array_items(std::string_view text, std::size_t most) {
  Cursor cursor(text);
  std::vector<std::string_view> items;
  if (cursor.peek() != '[') return items;
  for (cursor.step(); cursor.peek() != ']' && items.size() < most;) {
    items.push_back(cursor.value());
    if (cursor.peek() == ',') cursor.step();
  }
  return items;
}

std::string quote(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size() + 2);
  out += '"';
  while (!text.empty()) {
    const int n = base::utf8_length(text);
    const char c = text.front();
    if (n <= 0) {
      out += base::kReplacement;
    } else if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      ((out += "\\u00") += kHex[c >> 4]) += kHex[c & 15];
    } else {
      out.append(text.substr(0, static_cast<std::size_t>(n)));
    }
    text.remove_prefix(n <= 0 ? 1 : static_cast<std::size_t>(n));
  }
  return out += '"';
}

std::string number_text(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value);
  return std::string(text, end.ptr);
}

std::string array_of(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) {
    if (out.size() > 1) out += ',';
    out += item;
  }
  return out += ']';
}

void ObjectWriter::key(std::string_view key) {
  if (out_.size() > 1) out_ += ',';
  (out_ += quote(key)) += ':';
}

ObjectWriter& ObjectWriter::text(std::string_view k, std::string_view value) {
  return raw(k, quote(value));
}
ObjectWriter& ObjectWriter::number(std::string_view k, double value) {
  return raw(k, number_text(value));
}
ObjectWriter& ObjectWriter::integer(std::string_view k, std::int64_t value) {
  return raw(k, std::to_string(value));
}
ObjectWriter& ObjectWriter::boolean(std::string_view k, bool value) {
  return raw(k, value ? "true" : "false");
}
ObjectWriter& ObjectWriter::raw(std::string_view k, std::string_view json) {
  key(k);
  out_ += json;
  return *this;
}
std::string ObjectWriter::finish() && { return std::move(out_ += '}'); }

}  // namespace mecapy::wire
