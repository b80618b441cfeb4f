#include "cli/advice.h"

#include <algorithm>
#include <cctype>
#include <string_view>
#include <vector>

#include "base/nearest.h"
#include "cli/inputs.h"
#include "cli/text.h"
#include "wire/json.h"

namespace mecapy::cli {
namespace {

// The limit that was reached; "" when no limit helps. The words are those of output_limit's
// failures, which say what was too large.
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
      return failure.message.starts_with("artifacts too large") ? "artifacts_mb" : "";
    default:
      return "";
  }
}

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
             " mecapy run " + asked.file + " ... -l " + name + "=" + twice;
    }
  }
  return asked.more_by + name + "=N asks for more, up to the ceiling limits.max_" + name +
         ": mecapy config shows it, " + variable + "=N raises it";
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
  const std::string near = base::nearest(key, {given.begin(), given.end()});
  return "inputs given: " + listed(given) + (near.empty() ? "" : "; did you mean " + near + "?");
}

// Of an exception of the author's code.
std::string of_exception(const model::Failure& failure, const RunAsked& asked) {
  const std::string& message = failure.message;
  if (message.starts_with("FileNotFoundError: "))
    return "a calculation does not see your files: give data with -i @data.json";
  if (message.starts_with("EOFError: EOF when reading a line"))
    return "nobody types into a calculation: give inputs with -i NAME=VALUE";
  const std::string key = missing_key(message);
  if (key.empty() || !asked.inputs) return "";
  if (failure.traceback.find("site-packages/") != std::string::npos) return "";  // a table's key
  return of_missing_input(key, *asked.inputs);
}

}  // namespace

std::string failure_advice(const model::Failure& failure, const RunAsked& asked) {
  const std::string_view limit = limit_reached(failure);
  std::string text;
  if (!limit.empty()) text = more_of(limit, asked);
  if (failure.code == model::OutcomeCode::user_error) text = of_exception(failure, asked);
  return text.empty() ? "" : "  -> " + harmless_line(text, 1000) + "\n";
}

}  // namespace mecapy::cli
