#include "cli/workflow_advice.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "cli/text.h"
#include "model/outcome.h"

namespace mecapy::cli {
namespace {

enum class Cause : std::uint8_t { code, inputs, limit, other };

// What a node needs is not there or of another kind, or its task is gone.
constexpr std::array<std::string_view, 4> kOfInputs = {"invalid_inputs", "invalid_fields",
                                                       "too_deep", "not_found"};

Cause cause_of(std::string_view code) {
  if (const auto known = model::parse_outcome(code)) {
    const model::Fault fault = model::row(*known).fault;
    if (fault == model::Fault::calculation) return Cause::code;
    return fault == model::Fault::limit ? Cause::limit : Cause::other;
  }
  return std::ranges::find(kOfInputs, code) != kOfInputs.end() ? Cause::inputs : Cause::other;
}

// Whether a shell takes it for one word as it stands.
bool is_plain(std::string_view word) {
  return !word.empty() && word[0] != '-' && std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./").find(c) != std::string_view::npos;
  });
}

// A word that was typed, as a shell takes it.
std::string typed(const std::string& word) {
  if (is_plain(word)) return word;
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') out += "'\\'";
    out += c;
  }
  return out + "'";
}

std::string how_code_is_kept(const std::string& node, const WorkflowAsked& asked) {
  const auto task = asked.tasks.find(node);
  const bool known = task != asked.tasks.end();
  if (known && task->second.ends_with(".py"))
    return "mend " + task->second + "; mecapy workflow create " + typed(asked.word);
  if (known)
    return "mend the code of its task; mecapy task update " + typed(task->second) + " FILE.py";
  return "mend its code and keep it (mecapy workflow create FILE.yaml, or mecapy task update TASK "
         "FILE.py)";
}

// A name of a server's, for a command.
std::string node_word(const std::string& node) { return is_plain(node) ? node : "NODE"; }

}  // namespace

std::string elements_advice(const std::string& run_id, const std::string& node) {
  return "  -> mecapy workflow show " + run_id + " --node " + node_word(node) +
         " tells which, and why\n";
}

std::string workflow_advice(const WorkflowEnded& ended, const WorkflowAsked& asked) {
  const std::string resume = "mecapy workflow resume " + ended.run_id;
  const std::string latest = " --version " + node_word(ended.node) + "=latest";
  const Cause cause = ended.cancelled ? Cause::other : cause_of(ended.code);
  std::string text, other;
  const std::string again = "mecapy workflow run " +
                            (asked.word.empty() ? "WORKFLOW" : typed(asked.word)) +
                            " ...; what is unchanged is reused";
  if (cause == Cause::code) {
    text = how_code_is_kept(ended.node, asked) + "; " + resume + latest;
    other = "  -> with other inputs: " + harmless_line(again, 1000) + "\n";
  } else if (!ended.own_limit.empty()) {
    text = "to resume it does not help: the limit is the node's own (" + ended.own_limit +
           " in the workflow): raise it there, keep it, and run it again: " + again;
  } else if (cause == Cause::inputs) {
    text =
        "to resume it does not help: mend the definition or the inputs, and run it again: " + again;
  } else {
    text = resume + " goes on from there; what is completed stays";
    if (cause == Cause::limit) text += "; with" + latest + " by limits raised meanwhile";
  }
  return "  -> " + harmless_line(text, 1000) + "\n" + other;
}

}  // namespace mecapy::cli
