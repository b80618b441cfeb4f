#include "cli/inputs.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <system_error>

#include "base/nearest.h"
#include "cli/terminal.h"
#include "wire/json.h"

namespace mecapy::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSpaces = " \t\r\n";  // those of JSON
constexpr std::size_t kMostListed = 20;     // names in one line

using Members = std::vector<std::pair<std::string, std::string>>;  // in the order first given

void set(Members& members, const std::string& key, std::string value) {
  const auto it = std::ranges::find(members, key, &Members::value_type::first);
  if (it != members.end()) {
    it->second = std::move(value);
  } else {
    members.emplace_back(key, std::move(value));
  }
}

// The name of a file beside `path` that is most like it; "" when none is.
std::string like_it_in_its_folder(const fs::path& path) {
  std::vector<std::string> names;
  std::error_code ec;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  for (const auto& entry : fs::directory_iterator(folder, ec))
    names.push_back(entry.path().filename().string());
  const std::string near = base::nearest(path.filename().string(), {names.begin(), names.end()});
  return near.empty() ? "" : (path.parent_path() / near).string();
}

// usage: with the reason, and where to look.
Error cannot_read(const std::string& path, int reason) {
  std::string text = "cannot read " + path + ": " + std::generic_category().message(reason);
  if (reason != ENOENT) return fail(ErrorCode::usage, text);
  if (const std::string near = like_it_in_its_folder(path); !near.empty()) {
    return fail(ErrorCode::usage, text + "; did you mean " + near + "?");
  }
  std::error_code ec;
  return fail(ErrorCode::usage, text + "; this folder is " + fs::current_path(ec).string());
}

Result<std::string> read_file(const std::string& path) {
  if (path == "-") return read_standard_input();
  errno = 0;
  std::ifstream file(path);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) return cannot_read(path, errno);
  return text.str();
}

std::string not_an_input(const std::string& word) {
  std::error_code ec;
  const bool is_file = fs::is_regular_file(word, ec);
  return "write name=value or @file.json, not \"" + word + "\"" +
         (is_file                 ? "; did you mean -i @" + word + "?"
          : word.starts_with("=") ? "; the name is missing: -i NAME" + word
                                  : "; the value is missing: -i " + word + "=VALUE");
}

// A complaint about JSON with the line and the column, both from 1, in the place of "at byte N".
std::string with_line(const std::string& message, const std::string& content) {
  constexpr std::string_view kBefore = " at byte ";
  const std::size_t begin = message.rfind(kBefore);
  std::size_t byte = 0;
  if (begin == std::string::npos) return message;
  const char* end = message.data() + message.size();
  const auto read = std::from_chars(message.data() + begin + kBefore.size(), end, byte);
  if (read.ec != std::errc() || read.ptr != end) return message;
  const std::string before = content.substr(0, byte);
  const std::size_t line = static_cast<std::size_t>(std::ranges::count(before, '\n')) + 1;
  const std::size_t column = before.size() - (before.rfind('\n') + 1) + 1;
  return message.substr(0, begin) + " in line " + std::to_string(line) + ", column " +
         std::to_string(column);
}

Result<void> add_object(Members& members, const std::string& content, const std::string& path) {
  if (auto valid = check_json(content, path); !valid) return valid.error();
  const auto found = wire::object_members(content);
  if (!found) return fail(ErrorCode::usage, path + ": " + found.error().message);
  for (const wire::Member& member : *found) set(members, member.key, std::string(member.raw));
  return {};
}

Result<void> add_file(Members& members, const std::string& name) {
  const auto content = read_file(name);
  if (!content) return content.error();
  return add_object(members, *content, name == "-" ? "standard input" : name);
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpaces) - first + 1);
}

// The JSON of a value as typed: "@file.json" is that file's.
Result<std::string> read_value(const std::string& key, const std::string& value) {
  if (!value.starts_with("@")) return wire::validate_json(value) ? value : wire::quote(value);
  const std::string name = value.substr(1);
  const auto content = read_file(name);
  if (!content) {
    return fail(ErrorCode::usage, content.error().message + "; the text itself is -i '" + key +
                                      "=\"" + value + "\"'");
  }
  const auto valid = check_json(*content, name == "-" ? "standard input" : name);
  if (!valid) return valid.error();
  return trimmed(*content);
}

std::pair<std::string, std::string> split(const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) return {};
  return {trimmed(word.substr(0, equals)), trimmed(word.substr(equals + 1))};
}

// "1,5" or "-12,25": a number with a decimal comma.
bool has_decimal_comma(std::string text) {
  const std::size_t comma = text.find(',');
  if (comma == std::string::npos) return false;
  text[comma] = '.';
  double number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  return end.ec == std::errc() && end.ptr == text.data() + text.size();
}

// "SECONDS", "MIB": what stands for a value of this limit.
std::string unit_word(const model::LimitRow& row) {
  if (row.unit.empty()) return "N";
  if (row.unit == "s") return "SECONDS";
  return row.unit == "CPU" ? "CPUS" : std::string(row.unit);
}

// Of a word for `--limit` whose name, if it has one, is `key`.
std::string not_a_limit(const std::string& word, const std::string& key) {
  const std::vector<model::LimitRow>& table = model::limit_table();
  const auto bare = std::ranges::find(table, trimmed(word), &model::LimitRow::name);
  if (bare != table.end())
    return "the value is missing: -l " + std::string(bare->name) + "=" + unit_word(*bare);
  std::vector<std::string_view> names;
  std::vector<std::string> all;
  for (const model::LimitRow& row : table) {
    names.push_back(row.name);
    all.emplace_back(row.name);
  }
  const std::string near = base::nearest(key.empty() ? word : key, names);
  return "unknown limit \"" + word + "\"" + (near.empty() ? "" : "; did you mean " + near + "?") +
         " (there are: " + listed(all) + ")";
}

std::string folder_given(const std::string& path) {
  std::string inside;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(path, ec)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".py") && (inside.empty() || name == "calc.py")) inside = name;
  }
  return path + " is a folder; give " + (inside.empty() ? "a Python file" : inside + " in it");
}

}  // namespace

bool reads_standard_input(const std::vector<std::string>& words) {
  return std::ranges::any_of(
      words, [](const std::string& word) { return word == "@-" || split(word).second == "@-"; });
}

Result<std::string> read_inputs(const std::vector<std::string>& words, const std::string& before) {
  Members members;
  if (auto added = add_object(members, before, "the inputs before"); !added) return added.error();
  std::map<std::string, std::string> typed;  // the value of each name
  for (const std::string& word : words) {
    if (word.starts_with("@")) {
      if (auto added = add_file(members, word.substr(1)); !added) return added.error();
      continue;
    }
    const auto [key, value] = split(word);
    if (key.empty()) return fail(ErrorCode::usage, not_an_input(word));
    if (const auto [first, fresh] = typed.emplace(key, value); !fresh) {
      return fail(ErrorCode::usage,
                  "the input " + key + " is given twice: " + first->second + " and " + value);
    }
    auto read = read_value(key, value);
    if (!read) return read.error();
    set(members, key, std::move(*read));
  }
  wire::ObjectWriter out;
  for (const auto& [key, value] : members) out.raw(key, value);
  return std::move(out).finish();
}

std::vector<std::string> input_names(const std::string& inputs) {
  const auto members = wire::object_members(inputs);
  std::vector<std::string> names;
  if (!members) return names;
  for (const wire::Member& member : *members) names.push_back(member.key);
  return names;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMostListed); ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  return text + (names.size() > kMostListed ? ", ..." : "");
}

std::vector<std::string> doubts_about_names(const std::string& given, const std::string& own,
                                            const std::string& task) {
  const std::vector<std::string> known = input_names(own);
  std::vector<std::string> doubts;
  if (known.empty()) return doubts;
  for (const std::string& name : input_names(given)) {
    if (std::ranges::find(known, name) != known.end()) continue;
    const std::string near = base::nearest(name, {known.begin(), known.end()});
    doubts.push_back("task " + task + " has no input " + name +
                     (near.empty() ? "" : "; did you mean " + near + "?") +
                     " (it has: " + listed(known) + ")");
  }
  return doubts;
}

std::vector<std::string> doubts_about_inputs(const std::vector<std::string>& words) {
  std::vector<std::string> doubts;
  for (const std::string& word : words) {
    if (word.starts_with("@")) continue;
    const auto [key, value] = split(word);
    if (!has_decimal_comma(value)) continue;
    doubts.push_back(key + " is text \"" + value + "\"; decimals take a point");
  }
  return doubts;
}

Result<model::Limits> read_limits(const std::vector<std::string>& words, model::Limits limits) {
  for (const std::string& word : words) {
    const auto [key, value] = split(word);
    const auto row = std::ranges::find(model::limit_table(), key, &model::LimitRow::name);
    if (row == model::limit_table().end()) return fail(ErrorCode::usage, not_a_limit(word, key));
    double number = 0;
    const auto end = std::from_chars(value.data(), value.data() + value.size(), number);
    if (end.ec != std::errc() || end.ptr != value.data() + value.size()) {
      return fail(ErrorCode::usage,
                  "the limit " + key + " must be a number, not \"" + value + "\"");
    }
    limits.*row->field = number;
  }
  return limits;
}

Result<std::string> limits_object(const std::vector<std::string>& words) {
  const auto limits = read_limits(words);
  if (!limits) return limits.error();
  wire::ObjectWriter out;
  for (const model::LimitRow& row : model::limit_table()) {
    const bool named = std::ranges::any_of(
        words, [&](const std::string& word) { return split(word).first == row.name; });
    if (named) out.number(row.name, *limits.*row.field);
  }
  return std::move(out).finish();
}

Result<void> check_json(const std::string& content, const std::string& name) {
  const auto valid = wire::validate_json(content);
  if (valid) return {};
  return fail(ErrorCode::usage, name + ": " + with_line(valid.error().message, content));
}

Result<std::string> read_code(const std::string& file) {
  std::error_code ec;
  if (fs::is_directory(file, ec)) return fail(ErrorCode::usage, folder_given(file));
  auto code = read_file(file);
  if (!code && !fs::exists(file, ec) && file != "-")
    return fail(ErrorCode::not_found, code.error().message);
  return code;
}

}  // namespace mecapy::cli
