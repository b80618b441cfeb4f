#include "wire/canonical_hash.h"

#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <map>
#include <vector>

#include "base/json_handler.h"
#include "base/sha256.h"
#include "wire/json.h"

namespace mecapy::wire {
namespace {

namespace json = boost::json;

// A number as Python reads it: a float by its value, an int by its digits.
std::string number_words(std::string_view token) {
  if (token.find_first_of(".eE") == std::string_view::npos) {
    return "i" + std::string(token == "-0" ? "0" : token);
  }
  double value = 0;
  const auto read = std::from_chars(token.data(), token.data() + token.size(), value);
  return "f" + (read.ec == std::errc() ? number_text(value) : std::string(token));
}

// Each value is one text: its kind, and a scalar's content or the hash of what a container holds.
// Lengths go before texts, so that no two values have the same.
class Hasher : public base::JsonHandler {
 public:
  bool on_object_begin(ec&) { return open(); }
  bool on_object_end(std::size_t, ec&) {
    base::Sha256 hash;
    for (const auto& [key, value] : open_.back().members) {
      hash.add(sized(key));
      hash.add(sized(value));
    }
    return close("o" + hash.hex());
  }
  bool on_array_begin(ec&) { return open(); }
  bool on_array_end(std::size_t, ec&) { return close("a" + open_.back().items.hex()); }
  bool on_key_part(sv part, std::size_t, ec&) { return gather(part); }
  bool on_key(sv part, std::size_t, ec&) {
    gather(part);
    open_.back().key = std::exchange(text_, {});
    open_.back().has_key = true;
    return true;
  }
  bool on_string_part(sv part, std::size_t, ec&) { return gather(part); }
  bool on_string(sv part, std::size_t, ec&) {
    gather(part);
    return value("s" + std::exchange(text_, {}));
  }
  bool on_number_part(sv part, ec&) { return gather(part); }
  bool on_int64(std::int64_t, sv part, ec&) { return number(part); }
  bool on_uint64(std::uint64_t, sv part, ec&) { return number(part); }
  bool on_double(double, sv part, ec&) { return number(part); }
  bool on_bool(bool truth, ec&) { return value(truth ? "t" : "n"); }
  bool on_null(ec&) { return value("0"); }

  std::string whole;  // the outermost value

 private:
  // A container that is not closed yet.
  struct Open {
    std::string key;
    bool has_key = false;
    std::map<std::string, std::string> members;  // of an object
    base::Sha256 items;                          // of an array
  };

  static std::string sized(std::string_view text) {
    return std::to_string(text.size()) + ":" + std::string(text);
  }
  bool gather(sv part) {
    text_ += part;
    return true;
  }
  bool number(sv part) {
    gather(part);
    return value(number_words(std::exchange(text_, {})));
  }
  bool open() {
    open_.emplace_back();
    return true;
  }
  bool close(const std::string& text) {
    open_.pop_back();
    return value(text);
  }
  bool value(const std::string& text) {
    if (open_.empty()) {
      whole = text;
    } else if (open_.back().has_key) {
      open_.back().members[open_.back().key] = text;
    } else {
      open_.back().items.add(sized(text));
    }
    return true;
  }

  std::vector<Open> open_;
  std::string text_;  // of a string or number, until it is whole
};

}  // namespace

std::string canonical_hash(std::string_view text) {
  json::parse_options options;
  options.max_depth = text.size();
  json::basic_parser<Hasher> parser(options);
  json::error_code ec;
  parser.write_some(false, text.data(), text.size(), ec);
  return base::sha256_hex(parser.handler().whole);
}

}  // namespace mecapy::wire
