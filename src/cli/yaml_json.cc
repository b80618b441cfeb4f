#include "cli/yaml_json.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <charconv>
#include <climits>
#include <cmath>
#include <cstdlib>
#include <set>
#include <sstream>
#include <vector>

#include "base/json.h"
#include "base/utf8.h"
#include "cli/yaml_fault.h"
#include "wire/json.h"

namespace mecapy::cli {
namespace {

constexpr const char* kNoAlias = "an alias (*) stands for nothing here; write the value again";
constexpr std::size_t kMostLevels = 100;
constexpr std::size_t kLevelsWithLines = 6;

struct Wrong {
  YAML::Mark mark;
  std::string what;
  // The parser takes what is in a bracket that nobody closes for a key.
  bool may_be_no_key = false;
};

bool all_of(std::string_view text, std::string_view these) {
  return !text.empty() && text.find_first_not_of(these) == std::string_view::npos;
}

constexpr std::string_view kDigits = "0123456789";

// 0o17 and 0x1F as they are written in decimals.
std::string in_decimals(const YAML::Mark& mark, std::string_view digits, int base) {
  std::uint64_t value = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (end.ec != std::errc()) throw Wrong{mark, "the number is too large"};
  return std::to_string(value);
}

// The JSON of a number of the core schema; "" for what is none.
std::string number_of(const YAML::Mark& mark, std::string_view text) {
  if (text.starts_with("0o") && all_of(text.substr(2), "01234567"))
    return in_decimals(mark, text.substr(2), 8);
  if (text.starts_with("0x") && all_of(text.substr(2), "0123456789abcdefABCDEF"))
    return in_decimals(mark, text.substr(2), 16);
  std::string_view rest = text;
  std::string out = rest.starts_with('-') ? "-" : "";
  if (rest.starts_with('-') || rest.starts_with('+')) rest.remove_prefix(1);
  for (const std::string_view word : {".inf", ".Inf", ".INF"}) {
    if (rest == word) throw Wrong{mark, "an infinite number is none that can be sent"};
  }
  for (const std::string_view word : {".nan", ".NaN", ".NAN"}) {
    if (text == word) throw Wrong{mark, "NaN is no number that can be sent"};
  }
  const auto take_digits = [&] {
    const std::size_t size = std::min(rest.find_first_not_of(kDigits), rest.size());
    const std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
  };
  std::string_view whole = take_digits();
  const bool has_whole = !whole.empty();
  while (whole.size() > 1 && whole[0] == '0') whole.remove_prefix(1);
  out += has_whole ? whole : "0";
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    const std::string_view fraction = take_digits();
    if (!has_whole && fraction.empty()) return "";
    out += "." + (fraction.empty() ? "0" : std::string(fraction));
  } else if (!has_whole) {
    return "";
  }
  if (rest.starts_with('e') || rest.starts_with('E')) {
    std::string exponent = "e";
    rest.remove_prefix(1);
    if (rest.starts_with('-') || rest.starts_with('+')) {
      exponent += rest[0];
      rest.remove_prefix(1);
    }
    const std::string_view digits = take_digits();
    if (digits.empty()) return "";
    out += exponent + std::string(digits);
  }
  if (!rest.empty()) return "";
  if (out.find_first_of(".e") != std::string::npos && std::isinf(std::strtod(out.c_str(), nullptr)))
    throw Wrong{mark, "the number is too large"};
  return out;
}

// The JSON of a plain scalar, which nobody quoted.
std::string plain(const YAML::Mark& mark, const std::string& text) {
  for (const std::string_view word : {"true", "True", "TRUE"}) {
    if (text == word) return "true";
  }
  for (const std::string_view word : {"false", "False", "FALSE"}) {
    if (text == word) return "false";
  }
  const std::string number = number_of(mark, text);
  return number.empty() ? wire::quote(text) : number;
}

// "at:{node: a" is a key to YAML, of which a text was to be the value.
void refuse_bracket(const YAML::Mark& mark, const std::string& key) {
  const std::size_t at = std::min(key.find(":{"), key.find(":["));
  if (at == std::string::npos) return;
  throw Wrong{mark, "a space is missing behind the colon: write " + key.substr(0, at + 1) + " " +
                        key.substr(at + 1)};
}

class Writer final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (!levels_.empty()) refuse_no_space(mark, levels_.back());
    value(mark, "?", anchor, "null");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { throw Wrong{mark, kNoAlias}; }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    const bool quoted = tag == "!";
    if (is_key()) {
      refuse(mark, tag, anchor);
      if (!quoted && text == "<<") throw Wrong{mark, "merges (<<) are not known here"};
      if (!quoted) refuse_bracket(mark, text);
      levels_.back().plain_key = quoted ? "" : text;
      if (!quoted && plain(mark, text)[0] != '"') {
        throw Wrong{mark, "the key " + text + " is no text; " + instead_of_key(text), true};
      }
      return key(mark, text);
    }
    value(mark, tag, anchor, quoted || tag != "?" ? wire::quote(text) : plain(mark, text));
    if (!levels_.empty() && !quoted) levels_.back().before = text;
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, '[');
  }
  void OnSequenceEnd() override { close(']'); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(mark, tag, anchor, '{');
    levels_.back().is_flow = style == YAML::EmitterStyle::Flow;
  }
  void OnMapEnd() override { close('}'); }

  YamlAsJson take() { return std::move(made_); }
  bool is_empty() const { return made_.json.empty(); }

 private:
  struct Level {
    bool is_map;
    std::string pointer;
    std::size_t size = 0;             // items, or keys
    bool key_next = true;             // of a map
    std::string at{};                 // pointer to what the last key names
    std::set<std::string> seen = {};  // keys
    bool is_flow = false;
    std::string plain_key{};  // the last, where nobody quoted it
    std::string before{};     // the last value, where it is a text that nobody quoted
  };

  // "{node:a}" has a key of all that, and nothing beside it.
  static void refuse_no_space(const YAML::Mark& mark, const Level& level) {
    const std::size_t colon = level.plain_key.find(':');
    if (!level.is_map || level.key_next || !level.is_flow || colon == std::string::npos) return;
    throw Wrong{mark, "a space is missing behind the colon: write " +
                          level.plain_key.substr(0, colon + 1) + " " +
                          level.plain_key.substr(colon + 1)};
  }

  // "0,85" within braces is 0, and then a key.
  std::string instead_of_key(const std::string& text) const {
    const Level& level = levels_.back();
    const std::string_view whole =
        std::string_view(level.before).substr(level.before.starts_with('-') ? 1 : 0);
    if (!level.is_flow || !all_of(whole, kDigits) || !all_of(text, kDigits))
      return "put it in quotes";
    return "a number has a decimal point: " + level.before + "." + text;
  }

  bool is_key() const {
    return !levels_.empty() && levels_.back().is_map && levels_.back().key_next;
  }

  static void refuse(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) throw Wrong{mark, "an anchor (&) is not known here; write the value again"};
    if (!tag.empty() && tag != "?" && tag != "!")
      throw Wrong{mark, "tags (" + tag + ") are not known here"};
  }

  void key(const YAML::Mark& mark, const std::string& text) {
    Level& level = levels_.back();
    if (!level.seen.insert(text).second) throw Wrong{mark, "the key " + text + " is given twice"};
    level.at = base::pointer_to(level.pointer, text);
    note(level.at, mark);
    made_.json += (level.size++ > 0 ? "," : "") + wire::quote(text) + ":";
    level.key_next = false;
  }

  // What comes before a value: in a list its comma; the pointer to it.
  std::string place(const YAML::Mark& mark) {
    if (levels_.empty()) return "";
    Level& level = levels_.back();
    if (level.is_map) {
      level.key_next = true;
      return level.at;
    }
    if (level.size > 0) made_.json += ",";
    std::string pointer = level.pointer + "/" + std::to_string(level.size++);
    note(pointer, mark);
    return pointer;
  }

  void note(const std::string& pointer, const YAML::Mark& mark) {
    if (levels_.size() <= kLevelsWithLines) made_.lines[pointer] = mark.line + 1;
  }

  void value(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
             const std::string& json) {
    if (is_key()) throw Wrong{mark, "a key must be text", true};
    refuse(mark, tag, anchor);
    place(mark);
    made_.json += json;
  }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, char bracket) {
    if (is_key()) throw Wrong{mark, "a key must be text", true};
    refuse(mark, tag, anchor);
    if (levels_.size() == kMostLevels) {
      throw Wrong{mark, "more than " + std::to_string(kMostLevels) + " levels in each other"};
    }
    std::string pointer = place(mark);
    levels_.push_back({bracket == '{', std::move(pointer)});
    made_.json += bracket;
  }
  void close(char bracket) {
    levels_.pop_back();
    made_.json += bracket;
  }

  YamlAsJson made_;
  std::vector<Level> levels_;
};

Error wrong_at(const std::string& file, const YAML::Mark& mark, const std::string& what) {
  std::string where = file;
  if (!mark.is_null()) {
    where +=
        ", line " + std::to_string(mark.line + 1) + ", column " + std::to_string(mark.column + 1);
  }
  return fail(ErrorCode::invalid_fields, where + ": " + what);
}

std::optional<Error> mistake_in(const std::string& file, std::string_view yaml, int stopped) {
  const auto fault = likely_fault(yaml, stopped);
  if (!fault) return std::nullopt;
  return fail(ErrorCode::invalid_fields,
              file + ", line " + std::to_string(fault->line) + ": " + fault->what);
}

// What the parser has refused: the mistake that it comes from, where one is found.
Error refused(const std::string& file, std::string_view yaml, const YAML::Exception& e) {
  if (e.msg == YAML::ErrorMsg::UNKNOWN_ANCHOR) return wrong_at(file, e.mark, kNoAlias);
  const int line = e.mark.is_null() ? INT_MAX : e.mark.line + 1;
  if (auto mistake = mistake_in(file, yaml, line)) return std::move(*mistake);
  if (e.mark.is_null()) return wrong_at(file, e.mark, e.msg);
  return fail(ErrorCode::invalid_fields,
              file + ", at or before line " + std::to_string(line) + ": " + e.msg);
}

// The first place whose bytes are no character of UTF-8, or one that YAML has not.
std::optional<YAML::Mark> not_text(std::string_view text) {
  YAML::Mark mark;
  while (!text.empty()) {
    const int length = base::utf8_length(text);
    if (length < 1 || text[0] == '\0') return mark;
    ++mark.column;
    if (text[0] == '\n') {
      ++mark.line;
      mark.column = 0;
    }
    text.remove_prefix(static_cast<std::size_t>(length));
  }
  return std::nullopt;
}

}  // namespace

Result<YamlAsJson> yaml_as_json(std::string_view yaml, const std::string& file) {
  if (const auto mark = not_text(yaml)) return wrong_at(file, *mark, "not UTF-8");
  std::istringstream in{std::string(yaml)};
  Writer writer;
  try {
    YAML::Parser parser(in);
    if (!parser.HandleNextDocument(writer) || writer.is_empty())
      return fail(ErrorCode::invalid_fields, file + " holds nothing");
    Writer more;
    if (parser.HandleNextDocument(more))
      return fail(ErrorCode::invalid_fields, file + " holds more than one document");
  } catch (const Wrong& wrong) {
    auto mistake = wrong.may_be_no_key ? mistake_in(file, yaml, wrong.mark.line + 1) : std::nullopt;
    return mistake ? std::move(*mistake) : wrong_at(file, wrong.mark, wrong.what);
  } catch (const YAML::Exception& e) {
    return refused(file, yaml, e);
  }
  return writer.take();
}

}  // namespace mecapy::cli
