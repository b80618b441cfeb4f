#include "cli/ending.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "cli/text.h"

namespace mecapy::cli {
namespace {

// The traceback with the name of the author's file, which the run knows as calc.py only.
std::string with_file(std::string traceback, const std::string& file) {
  static const std::string kInside = "File \"calc.py\"";
  const std::string named = "File \"" + file + "\"";
  for (std::size_t at = 0; (at = traceback.find(kInside, at)) != std::string::npos;) {
    traceback.replace(at, kInside.size(), named);
    at += named.size();
  }
  return traceback;
}

}  // namespace

std::string usage_text(const model::Usage& usage) {
  char text[160];
  std::snprintf(text, sizeof text, "mecapy: %.1f ms (set-up %.1f ms), %.1f ms CPU, peak %.0f MiB\n",
                static_cast<double>(usage.wall_us) / 1e3, static_cast<double>(usage.setup_us) / 1e3,
                static_cast<double>(usage.cpu_us) / 1e3,
                static_cast<double>(usage.peak_memory_bytes) / (1 << 20));
  return text;
}

std::string artifact_text(const std::string& name, std::int64_t bytes, const std::string& kept_by) {
  return "mecapy: artifact " + harmless_line(name) + ", " + size(bytes) + " (" + kept_by + ")\n";
}

std::string failure_text(const model::Failure& failure, const std::string& file) {
  const model::OutcomeRow& row = model::row(failure.code);
  std::string out;
  if (!failure.traceback.empty()) out += with_file(failure.traceback, file) + "\n";
  std::string where;
  if (failure.line) where = " (line " + std::to_string(*failure.line) + ")";
  // A message may begin with the words of its code, and name its line: they are said once.
  std::string words(row.name);
  std::ranges::replace(words, '_', ' ');
  std::string text = failure.message;
  if (failure.line && failure.code == model::OutcomeCode::invalid_code) {
    const std::string again = ": line " + std::to_string(*failure.line) + ": ";
    if (const std::size_t at = text.find(again); at != std::string::npos)
      text.replace(at, again.size(), ": ");
  }
  std::string_view message = text;
  if (message.starts_with(words + ": ")) message.remove_prefix(words.size() + 2);
  out += "mecapy: " + std::string(row.name) + where + ": " + std::string(message) + "\n";
  return harmless(out);
}

std::string with_file_in_warnings(std::string text, const std::string& file) {
  constexpr std::string_view kInside = "calc.py:";
  for (std::size_t at = 0; (at = text.find(kInside, at)) != std::string::npos;) {
    const bool begins = at == 0 || text[at - 1] == '\n';
    const std::size_t number = at + kInside.size();
    const std::size_t behind = std::min(text.find_first_not_of("0123456789", number), text.size());
    std::string_view rest = std::string_view(text).substr(behind);
    rest = rest.substr(0, rest.find('\n'));
    const bool warns = behind > number && rest.starts_with(": ") &&
                       rest.substr(2, rest.find(": ", 2) - 2).ends_with("Warning");
    if (!begins || !warns) {
      at = behind;
      continue;
    }
    text.replace(at, kInside.size() - 1, file);
    at += file.size();
  }
  return text;
}

std::string marked_line(const std::string& code, const std::string& file,
                        const FieldProblem& problem) {
  if (!problem.line || *problem.line < 1) return "";
  std::istringstream lines(code);
  std::string line;
  for (int i = 0; i < *problem.line; ++i) {
    if (!std::getline(lines, line)) return "";
  }
  const std::size_t indent = std::min(line.find_first_not_of(" \t"), line.size());
  std::string out = "  File \"" + file + "\", line " + std::to_string(*problem.line) + "\n    " +
                    line.substr(indent) + "\n";
  const auto column = static_cast<std::size_t>(std::max(problem.column.value_or(0), 0));
  if (column > indent) out += "    " + std::string(column - 1 - indent, ' ') + "^\n";
  return harmless(out);
}

}  // namespace mecapy::cli
