#include "config/settings.h"

#include <unistd.h>

#include <toml++/toml.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "base/listed.h"
#include "base/nearest.h"
#include "base/overloaded.h"
#include "base/own_file.h"

extern char** environ;

namespace mecapy::config {
namespace {

constexpr std::size_t kLargestFile = 1 << 20;  // bytes

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class Number>
std::string to_text(Number value) {
  char text[32];
  return std::string(text, std::to_chars(text, text + sizeof text, value).ptr);
}

// "" when `text` was put into the setting, else what is wrong with it.
template <class Number>
std::string put_number(const SettingRow& row, std::string_view text, Number& out) {
  const auto value = parse_number<Number>(text);
  if (!value)
    return "must be " + std::string(row.type() == "integer" ? "a whole number" : "a number");
  const auto n = static_cast<double>(*value);
  if (!(n >= row.min && n <= row.max)) {
    return "must be between " + to_text(row.min) + " and " + to_text(row.max);
  }
  if (row.whole && n != std::floor(n)) return "must be a whole number";
  out = *value;
  return "";
}

std::string put(const SettingRow& row, const std::string& text, Settings& settings) {
  return std::visit(
      base::Overloaded{
          [&](std::string Settings::*f) {
            if (!row.words.empty() && std::ranges::find(row.words, text) == row.words.end()) {
              return "must be one of " + base::listed(row.words);
            }
            settings.*f = text;
            return std::string();
          },
          [&](std::int64_t Settings::*f) { return put_number(row, text, settings.*f); },
          [&](double Settings::*f) { return put_number(row, text, settings.*f); },
          [&](double model::Limits::*f) { return put_number(row, text, settings.ceilings.*f); }},
      row.field);
}

const SettingRow* find_setting(std::string_view name) {
  const auto it = std::ranges::find(setting_table(), name, &SettingRow::name);
  return it == setting_table().end() ? nullptr : &*it;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  const std::vector<std::string_view> views(known.begin(), known.end());
  const std::string near = base::nearest(word, views);
  return near.empty() ? "" : "; did you mean " + near + "?";
}

// Sets one value and remembers where it came from.
Result<void> apply(Loaded& loaded, const SettingRow& row, const std::string& text,
                   const std::string& source) {
  const std::string problem = put(row, text, loaded.settings);
  if (!problem.empty()) {
    return fail(ErrorCode::usage,
                source + ": " + row.name + " " + problem +
                    (row.secrecy != Secrecy::open ? "" : ", not \"" + text + "\""));
  }
  loaded.origin[row.name] = source;
  return {};
}

// A scalar of the file as text; nothing for tables, arrays, dates and booleans.
std::optional<std::string> scalar_text(const toml::node& node) {
  if (const auto* s = node.as_string()) return s->get();
  if (const auto* i = node.as_integer()) return to_text(i->get());
  if (const auto* f = node.as_floating_point()) return to_text(f->get());
  return std::nullopt;
}

Result<void> apply_table(Loaded& loaded, const toml::table& table, const std::string& prefix,
                         const std::string& path) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const auto* inner = node.as_table()) {
      if (auto done = apply_table(loaded, *inner, name + ".", path); !done) return done.error();
      continue;
    }
    const SettingRow* row = find_setting(name);
    if (row == nullptr) {
      std::vector<std::string> known;
      for (const SettingRow& r : setting_table()) known.push_back(r.name);
      return fail(ErrorCode::usage, path + ": unknown setting " + name + did_you_mean(name, known));
    }
    const auto text = scalar_text(node);
    if (!text)
      return fail(ErrorCode::usage, path + ": " + name + " must be " + std::string(row->type()));
    if (auto done = apply(loaded, *row, *text, path); !done) return done.error();
  }
  return {};
}

// `parse` gives the table that is in `path`.
template <class Parse>
Result<void> apply_file(Loaded& loaded, const std::string& path, const Parse& parse) {
  std::string error;
  try {
    const toml::table table = parse();
    return apply_table(loaded, table, "", path);
  } catch (const toml::parse_error& e) {
    error = std::string(e.description()) + " at line " + std::to_string(e.source().begin.line);
  }
  return fail(ErrorCode::usage, path + ": " + error);
}

// That of the current folder, which nobody named: it may be another's.
Result<void> apply_local_file(Loaded& loaded) {
  const std::string path = "mecapy.toml";
  const auto text = base::read_own_file(path, kLargestFile, base::Whose::mine_or_roots);
  if (text) return apply_file(loaded, path, [&] { return toml::parse(*text, path); });
  if (text.error().code == ErrorCode::not_found) return {};
  return fail(ErrorCode::usage, "./" + text.error().message +
                                    "; it is not taken unasked: --config mecapy.toml takes it");
}

Result<void> apply_environment(Loaded& loaded,
                               const std::map<std::string, std::string>& variables) {
  std::vector<std::string> known;
  for (const SettingRow& row : setting_table()) known.push_back(row.environment());
  const std::size_t settings = known.size();
  for (const ClientVariable& variable : kClientVariables) known.emplace_back(variable.name);
  for (const auto& [name, value] : variables) {
    if (!name.starts_with("MECAPY_")) continue;
    const auto it = std::ranges::find(known, name);
    if (it != known.end() && it - known.begin() >= std::ptrdiff_t(settings)) continue;
    if (it == known.end()) {
      return fail(ErrorCode::usage, "unknown setting " + name + did_you_mean(name, known));
    }
    const SettingRow& row = setting_table()[static_cast<std::size_t>(it - known.begin())];
    if (auto done = apply(loaded, row, value, name); !done) return done.error();
  }
  return {};
}

}  // namespace

std::string SettingRow::environment() const {
  std::string out = "MECAPY_";
  for (const char c : name) out += c == '.' ? '_' : static_cast<char>(std::toupper(c));
  return out;
}

std::string_view SettingRow::type() const {
  if (std::holds_alternative<std::string Settings::*>(field)) return "text";
  return std::holds_alternative<std::int64_t Settings::*>(field) ? "integer" : "number";
}

Result<Loaded> load(const Sources& sources) {
  Loaded loaded;
  const std::string& named = sources.toml_path;
  if (!named.empty()) {
    auto done = apply_file(loaded, named, [&] { return toml::parse_file(named); });
    if (!done) return done.error();
  } else if (sources.local_file == LocalFile::read) {
    if (auto done = apply_local_file(loaded); !done) return done.error();
  }
  if (auto done = apply_environment(loaded, sources.environment); !done) return done.error();
  for (const auto& [name, value] : sources.flags) {
    const SettingRow* row = find_setting(name);
    if (row == nullptr) return fail(ErrorCode::usage, "unknown setting " + name);
    std::string flag = "--" + name.substr(name.find('.') + 1);
    std::ranges::replace(flag, '_', '-');
    if (auto done = apply(loaded, *row, value, flag); !done) return done.error();
  }
  if (loaded.settings.data_dir.empty()) loaded.settings.data_dir = default_data_dir();
  return loaded;
}

std::string value_text(const SettingRow& row, const Settings& settings) {
  return std::visit(
      base::Overloaded{[&](std::string Settings::*f) { return settings.*f; },
                       [&](std::int64_t Settings::*f) { return to_text(settings.*f); },
                       [&](double Settings::*f) { return to_text(settings.*f); },
                       [&](double model::Limits::*f) { return to_text(settings.ceilings.*f); }},
      row.field);
}

std::string shown(const SettingRow& row, const Settings& settings) {
  const std::string text = value_text(row, settings);
  return row.secrecy != Secrecy::open && !text.empty() ? "***" : text;
}

std::string default_data_dir() {
  if (geteuid() == 0) return "/var/lib/mecapy";
  if (const char* xdg = std::getenv("XDG_DATA_HOME"); xdg != nullptr && *xdg == '/') {
    return std::string(xdg) + "/mecapy";
  }
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : ".") + "/.local/share/mecapy";
}

std::map<std::string, std::string> process_environment() {
  std::map<std::string, std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

}  // namespace mecapy::config
