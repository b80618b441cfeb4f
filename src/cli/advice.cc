#include "cli/advice.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <vector>

#include "base/nearest.h"
#include "cli/inputs.h"
#include "cli/text.h"
#include "wire/json.h"

namespace mecapy::cli {
namespace {

// The variable of the setting that is the ceiling of `limit`.
std::string ceiling_variable(std::string_view limit) {
  std::string name = "MECAPY_LIMITS_MAX_";
  for (const char c : limit) name += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

std::string more_of(std::string_view limit, const RunAsked& asked) {
  const std::string name(limit);
  if (asked.place == Place::server) {
    return asked.more_by + name + "=N asks for more, up to the server's ceiling";
  }
  const std::string variable = ceiling_variable(limit);
  const auto row = std::ranges::find(model::limit_table(), limit, &model::LimitRow::name);
  if (asked.limits && asked.ceilings && row != model::limit_table().end()) {
    const double ceiling = *asked.ceilings.*row->field;
    const double had = *asked.limits.*row->field;
    if (had >= ceiling) {
      const std::string twice = wire::number_text(2 * ceiling);
      return "it had all that the ceiling allows; for more: " + variable + "=" + twice +
             " mecapy run " + asked.file + " ... -l " + name + "=" + twice + asked.of_ceilings;
    }
  }
  return asked.more_by + name + "=N asks for more, up to the ceiling limits.max_" + name +
         ": mecapy config shows it, " + variable + "=N raises it" + asked.of_ceilings;
}

// The text of a KeyError's key, which Python shows as repr has it; "" when it is no text.
std::string missing_key(const std::string& message) {
  constexpr std::string_view kBefore = "KeyError: ";
  if (!message.starts_with(kBefore) || message.size() < kBefore.size() + 2) return "";
  const char quote = message[kBefore.size()];
  if (quote != '\'' && quote != '"') return "";
  const std::size_t begin = kBefore.size() + 1;
  const std::size_t end = message.find(quote, begin);
  return end == std::string::npos ? "" : message.substr(begin, end - begin);
}

std::string of_missing_input(const std::string& key, const std::string& inputs) {
  const std::vector<std::string> given = input_names(inputs);
  if (std::ranges::find(given, key) != given.end()) return "";
  if (given.empty()) return "no inputs were given: -i " + key + "=VALUE gives this one";
  const bool mistyped = !base::nearest(key, {given.begin(), given.end()}).empty();
  return "the code asks for " + key + "; " +
         (mistyped ? "did you mean -i " + key + "=...? inputs given: " : "inputs given: ") +
         listed(given);
}

// Whether a message of Python is about a text where a number was wanted.
bool wants_a_number(const std::string& message) {
  if (message.starts_with("ValueError: could not convert string to float: ") ||
      message.starts_with("ValueError: invalid literal for int()"))
    return true;
  if (!message.starts_with("TypeError: ") && message.find("_UFunc") == std::string::npos)
    return false;
  constexpr std::array<std::string_view, 5> kOfText = {
      "'str'", " str", "multiply sequence by non-int", "ufunc '", "StrDType"};
  return std::ranges::any_of(kOfText,
                             [&](auto words) { return message.find(words) != std::string::npos; });
}

// Of a number that was wanted: the inputs that are text and named where it was, or else begin with
// a number; or the only text.
std::string of_text_inputs(const std::string& traceback, const std::string& inputs) {
  std::vector<std::string> named, begun, all;
  const auto members = wire::object_members(inputs);
  if (!members) return "";
  for (const wire::Member& member : *members) {
    const auto text = wire::string_value(member.raw);
    if (!text) continue;
    all.push_back(member.key + " is text \"" + harmless_line(*text, 40) + "\"");
    if (traceback.find("'" + member.key + "'") != std::string::npos ||
        traceback.find('"' + member.key + '"') != std::string::npos)
      named.push_back(all.back());
    const std::size_t digit = text->find_first_not_of("+-. ");
    if (digit != std::string::npos && std::isdigit(static_cast<unsigned char>((*text)[digit])) != 0)
      begun.push_back(all.back());
  }
  const std::vector<std::string>& told = !named.empty() ? named : !begun.empty() ? begun : all;
  if (told.empty() || (&told == &all && all.size() > 1)) return "";
  return listed(told) + "; a number is written without unit, with a point, such as 1.5";
}

// Of an exception of the author's code.
std::string of_exception(const model::Failure& failure, const RunAsked& asked) {
  const std::string& message = failure.message;
  if (message.starts_with("FileNotFoundError: "))
    return "a calculation does not see your files: give data with -i @data.json";
  if (message.starts_with("EOFError: EOF when reading a line"))
    return "nobody types into a calculation: give inputs with -i NAME=VALUE";
  if (!asked.inputs) return "";
  if (wants_a_number(message)) return of_text_inputs(failure.traceback, *asked.inputs);
  const std::string key = missing_key(message);
  if (key.empty()) return "";
  if (failure.traceback.find("site-packages/") != std::string::npos) return "";  // a table's key
  return of_missing_input(key, *asked.inputs);
}

}  // namespace

std::string_view limit_reached(const model::Failure& failure) {
  using enum model::OutcomeCode;
  switch (failure.code) {
    case timeout:
      return "timeout_s";
    case out_of_memory:
      return "memory_mb";
    case cpu_limit:
      return "cpu_s";
    case disk_limit:
      return "disk_mb";
    case process_limit:
      return "processes";
    case output_limit:
      if (failure.message.starts_with("too much output")) return "log_kb";
      if (failure.message.starts_with("result too large")) return "result_mb";
      if (failure.message.starts_with("checkpoint too large")) return "checkpoint_mb";
      return failure.message.starts_with("artifacts too large") ? "artifacts_mb" : "";
    default:
      return "";
  }
}

std::string failure_advice(const model::Failure& failure, const RunAsked& asked) {
  const std::string_view limit = limit_reached(failure);
  std::string text;
  if (!limit.empty()) text = more_of(limit, asked);
  if (failure.code == model::OutcomeCode::user_error) text = of_exception(failure, asked);
  return text.empty() ? "" : "  -> " + harmless_line(text, 1000) + "\n";
}

}  // namespace mecapy::cli
