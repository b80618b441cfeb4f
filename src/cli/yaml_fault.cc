#include "cli/yaml_fault.h"

#include <cctype>
#include <cstdint>
#include <vector>

#include "cli/text.h"

namespace mecapy::cli {
namespace {

constexpr std::size_t kLongestShown = 40;

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_quote(char c) { return c == '"' || c == '\''; }
bool is_opening(char c) { return c == '[' || c == '{'; }
bool is_closing(char c) { return c == ']' || c == '}'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && (is_blank(text.back()) || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// The text before a comment.
std::string_view uncommented(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '#' && (at == 0 || is_blank(text[at - 1]))) return text.substr(0, at);
  }
  return text;
}

// Where the colon that ends a key stands; npos: there is no key.
std::size_t colon_of(std::string_view text) {
  std::size_t at = 0;
  if (!text.empty() && is_quote(text[0])) {
    at = text.find(text[0], 1);
    if (at == std::string_view::npos) return at;
  } else if (text.empty() || is_opening(text[0])) {
    return std::string_view::npos;
  }
  for (; at < text.size(); ++at) {
    if (text[at] == ':' && (at + 1 == text.size() || is_blank(text[at + 1]))) return at;
  }
  return std::string_view::npos;
}

// "task" of "task:verdict.py"; "" of what is no such thing, as an address is none.
std::string_view key_without_space(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 >= text.size()) return "";
  for (const char c : text.substr(0, colon)) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-') return "";
  }
  return text[colon + 1] == '/' || text[colon + 1] == ':' ? "" : text.substr(0, colon);
}

std::string shown(std::string_view text) { return harmless_line(text, kLongestShown); }

std::string spaces(std::size_t count) {
  return count == 0 ? "no space" : count == 1 ? "1 space" : std::to_string(count) + " spaces";
}

// Goes through the lines as far as YAML of this kind has structure.
class Scanner {
 public:
  std::optional<YamlFault> look_at(std::string_view yaml) {
    while (!yaml.empty() && !fault_ && !is_lost_) {
      const std::size_t end = std::min(yaml.find('\n'), yaml.size());
      ++line_;
      take(yaml.substr(0, end));
      yaml.remove_prefix(std::min(end + 1, yaml.size()));
    }
    if (!fault_ && (quote_ || !flow_.empty())) tell_unclosed();
    return fault_;
  }

 private:
  struct Open {
    char what;
    int line;
    std::size_t column;
    std::size_t indent;  // of its line
  };
  enum class Kind : std::uint8_t { names, items, text };
  struct Block {
    std::size_t indent;
    Kind kind;
    int line = 0;           // of a text
    std::string text = {};  // its beginning
  };

  void tell(std::string what, int line = 0) {
    if (!fault_) fault_ = YamlFault{line == 0 ? line_ : line, std::move(what)};
  }

  void tell_unclosed() {
    const Open& open = quote_ ? *quote_ : flow_.front();
    tell(std::string("the ") + open.what + " in column " + std::to_string(open.column + 1) +
             " is not closed",
         open.line);
  }

  void take(std::string_view text) {
    const std::size_t indent = std::min(text.find_first_not_of(" \t\r"), text.size());
    const std::string_view content = trimmed(uncommented(text));
    if (quote_ || !flow_.empty()) return go_on(text, indent, content);
    if (literal_ && (trimmed(text).empty() || indent > *literal_)) return;
    literal_.reset();
    const bool marks = indent == 0 && (content.starts_with("---") || content.starts_with("%") ||
                                       content.starts_with("..."));
    if (content.empty() || marks) return;
    is_lost_ = content == "?" || content.starts_with("? ");  // a key of several lines
    if (is_lost_) return;
    if (text.substr(0, indent).find('\t') != std::string_view::npos)
      return tell("a tab in the indentation: write spaces");
    begin(text, indent, content);
  }

  // What a quote or a bracket of an earlier line goes on with. One at which a key begins that
  // belongs further out was never closed.
  void go_on(std::string_view text, std::size_t indent, std::string_view content) {
    const Open& open = quote_ ? *quote_ : flow_.front();
    if (indent <= open.indent && !content.empty() && !is_closing(content[0]) &&
        colon_of(content) != std::string_view::npos)
      return tell_unclosed();
    before_ = '\0';
    scan(text, 0, indent);
  }

  // A line of a block: its place among those that are open, then what stands in it.
  void begin(std::string_view text, std::size_t indent, std::string_view content) {
    const bool is_item = content == "-" || content.starts_with("- ");
    const bool has_key = !is_item && colon_of(content) != std::string_view::npos;
    if (!blocks_.empty() && indent > blocks_.back().indent && !takes_block_) {
      if (is_item || has_key) tell_too_deep(indent);
      return;  // a text goes on
    }
    const Kind kind = is_item ? Kind::items : has_key ? Kind::names : Kind::text;
    if (!place({indent, kind, line_, shown(content)}) || !fits(indent, is_item, has_key)) return;
    if (is_item) return item(text, indent);
    if (has_key) return member(text, indent, content);
    scalar(text, indent, content);
  }

  void tell_too_deep(std::size_t indent) {
    tell("it is indented by " + spaces(indent) + ", which is more than line " +
         std::to_string(last_) + ", and that has a value already: indent it by " +
         spaces(blocks_.back().indent));
  }

  bool place(Block begun) {
    const std::size_t indent = begun.indent;
    std::string known;
    for (const Block& block : blocks_)
      known += (known.empty() ? "" : ", ") + std::to_string(block.indent);
    if (blocks_.empty() || (indent > blocks_.back().indent && takes_block_)) {
      blocks_.push_back(std::move(begun));
      return true;
    }
    while (!blocks_.empty() && blocks_.back().indent > indent) blocks_.pop_back();
    if (!blocks_.empty() && blocks_.back().indent == indent) return true;
    tell("it is indented by " + spaces(indent) + ", as nothing above it that it could belong to (" +
         known + ")");
    return false;
  }

  // Items may stand as deep as the name that they belong to.
  bool fits(std::size_t indent, bool is_item, bool has_key) {
    if (is_item && blocks_.back().kind == Kind::names) {
      if (!takes_block_) tell("an item (-) stands among names (KEY: VALUE)");
      blocks_.push_back({indent, Kind::items});
    }
    if (!has_key || blocks_.back().kind == Kind::names) return !fault_;
    if (blocks_.back().kind == Kind::text) tell_no_colon(blocks_.back().text, blocks_.back().line);
    const bool is_of_name = blocks_.size() > 1 && blocks_[blocks_.size() - 2].indent == indent;
    if (is_of_name) blocks_.pop_back();
    if (!is_of_name) tell("a name (KEY: VALUE) stands among items (-)");
    return !fault_;
  }

  void tell_no_colon(const std::string& text, int line) {
    tell("a colon is missing: \"" + text + "\" is no KEY: VALUE", line);
  }

  void item(std::string_view text, std::size_t indent) {
    last_ = line_;
    takes_block_ = true;
    const std::size_t inner = std::min(text.find_first_not_of(" \t\r", indent + 1), text.size());
    const std::string_view content = trimmed(uncommented(text.substr(inner)));
    if (content.empty()) return;
    const bool is_block =
        content == "-" || content.starts_with("- ") || colon_of(content) != std::string_view::npos;
    if (is_block) return begin(text, inner, content);
    value(text, inner, indent, content);
  }

  void member(std::string_view text, std::size_t indent, std::string_view content) {
    last_ = line_;
    takes_block_ = true;
    const std::size_t colon = colon_of(content);
    const std::string_view rest = trimmed(content.substr(colon + 1));
    if (rest.empty()) return;
    const std::size_t at = text.find_first_not_of(" \t", indent + colon + 1);
    value(text, at, indent, rest);
  }

  // What a key or an item has beside it.
  void value(std::string_view text, std::size_t at, std::size_t indent, std::string_view content) {
    takes_block_ = content[0] == '&' || content[0] == '!';
    if (content[0] == '|' || content[0] == '>') {
      literal_ = indent;
    } else if (is_quote(content[0]) || is_opening(content[0])) {
      before_ = '\0';
      scan(text, at, text.find_first_not_of(" \t"));
    } else if (!takes_block_ && colon_of(content) != std::string_view::npos) {
      tell("a text with \": \" in it is put into quotes: \"" + shown(content) + "\"");
    }
  }

  // Neither item nor key.
  void scalar(std::string_view text, std::size_t indent, std::string_view content) {
    last_ = line_;
    if (const std::string_view key = key_without_space(content); !key.empty()) {
      const std::string_view rest = content.substr(key.size() + 1);
      return tell("a space is missing behind the colon: write " + shown(key) + ": " + shown(rest));
    }
    const bool among_names = blocks_.back().kind == Kind::names;
    if (among_names && !is_quote(content[0]) && !is_opening(content[0]))
      return tell_no_colon(shown(content), line_);
    value(text, indent, indent, content);
  }

  // Quotes and brackets from `at` on.
  void scan(std::string_view text, std::size_t at, std::size_t indent) {
    for (; at < text.size() && !fault_; ++at) {
      const char c = text[at];
      if (quote_) {
        at = end_of_quote(text, at);
      } else if (c == '#' && (at == 0 || is_blank(text[at - 1]))) {
        return;
      } else if (is_quote(c) && std::string_view("[{,:").find(before_) != std::string_view::npos) {
        quote_ = Open{c, line_, at, indent};
      } else if (is_quote(c) && before_ == '\0') {
        quote_ = Open{c, line_, at, indent};
      } else if (is_opening(c)) {
        flow_.push_back({c, line_, at, indent});
      } else if (is_closing(c) && !flow_.empty()) {
        close(c);
      }
      if (!is_blank(c)) before_ = c;
      if (!quote_ && flow_.empty()) return;
    }
  }

  // The place of the quote that closes the one that is open, or the end.
  std::size_t end_of_quote(std::string_view text, std::size_t at) {
    for (; at < text.size(); ++at) {
      if (quote_->what == '"' && text[at] == '\\') {
        ++at;
      } else if (text[at] == quote_->what) {
        const bool twice = text[at] == '\'' && at + 1 < text.size() && text[at + 1] == '\'';
        if (!twice) {
          quote_.reset();
          return at;
        }
        ++at;
      }
    }
    return at;
  }

  void close(char c) {
    const Open& open = flow_.back();
    if ((open.what == '[') != (c == ']')) {
      return tell(std::string("there is a ") + c + " where the " + open.what + " of line " +
                  std::to_string(open.line) + ", column " + std::to_string(open.column + 1) +
                  " is not closed yet");
    }
    flow_.pop_back();
  }

  std::optional<YamlFault> fault_;
  bool is_lost_ = false;
  int line_ = 0;
  int last_ = 0;  // line with a key or an item
  std::vector<Block> blocks_;
  bool takes_block_ = true;             // what is indented more belongs to the last key or item
  std::optional<std::size_t> literal_;  // a text of lines, whose key is indented so
  std::optional<Open> quote_;
  std::vector<Open> flow_;
  char before_ = '\0';  // the last character that was no blank
};

}  // namespace

std::optional<YamlFault> likely_fault(std::string_view yaml, int stopped) {
  if (yaml.starts_with("\xEF\xBB\xBF")) yaml.remove_prefix(3);
  auto fault = Scanner().look_at(yaml);
  if (fault && fault->line > stopped) return std::nullopt;
  return fault;
}

}  // namespace mecapy::cli
