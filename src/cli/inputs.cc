#include "cli/inputs.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <sstream>

#include "base/nearest.h"
#include "wire/json.h"

namespace mecapy::cli {
namespace {

using Members = std::vector<std::pair<std::string, std::string>>;  // in the order first given

void set(Members& members, const std::string& key, std::string value) {
  const auto it = std::ranges::find(members, key, &Members::value_type::first);
  if (it != members.end()) {
    it->second = std::move(value);
  } else {
    members.emplace_back(key, std::move(value));
  }
}

Result<void> add_file(Members& members, const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return fail(ErrorCode::usage, "cannot read " + path);
  const std::string content = text.str();
  if (const auto valid = wire::validate_json(content); !valid) {
    return fail(ErrorCode::usage, path + ": " + valid.error().message);
  }
  const auto found = wire::object_members(content);
  if (!found) return fail(ErrorCode::usage, path + ": " + found.error().message);
  for (const wire::Member& member : *found) set(members, member.key, std::string(member.raw));
  return {};
}

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
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

}  // namespace

Result<std::string> read_inputs(const std::vector<std::string>& words) {
  Members members;
  for (const std::string& word : words) {
    if (word.starts_with("@")) {
      if (auto added = add_file(members, word.substr(1)); !added) return added.error();
      continue;
    }
    const auto [key, value] = split(word);
    if (key.empty())
      return fail(ErrorCode::usage, "write name=value or @file.json, not \"" + word + "\"");
    set(members, key, wire::validate_json(value) ? value : wire::quote(value));
  }
  wire::ObjectWriter out;
  for (const auto& [key, value] : members) out.raw(key, value);
  return std::move(out).finish();
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
  std::vector<std::string_view> names;
  for (const model::LimitRow& row : model::limit_table()) names.push_back(row.name);
  for (const std::string& word : words) {
    const auto [key, value] = split(word);
    const auto row = std::ranges::find(model::limit_table(), key, &model::LimitRow::name);
    if (row == model::limit_table().end()) {
      const std::string near = base::nearest(key.empty() ? word : key, names);
      return fail(ErrorCode::usage, "unknown limit \"" + word + "\"" +
                                        (near.empty() ? "" : "; did you mean " + near + "?"));
    }
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

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out += std::string(widths[i] - row[i].size() + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

}  // namespace mecapy::cli
