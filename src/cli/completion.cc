#include "cli/completion.h"

#include <functional>
#include <string_view>

namespace mecapy::cli {
namespace {

// In single quotes, for bash, zsh and (where \ is no letter of ours) fish.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

// "" for the program itself, "/task/create" for a command of a command.
using Visit = std::function<void(const std::string& place, const CommandWords& command)>;
void visit(const CommandWords& command, const std::string& place, const Visit& tell) {
  tell(place, command);
  for (const CommandWords& inner : command.commands) visit(inner, place + "/" + inner.name, tell);
}

std::vector<std::string> command_names(const CommandWords& command) {
  std::vector<std::string> names;
  for (const CommandWords& inner : command.commands) names.push_back(inner.name);
  return names;
}

std::vector<std::string> flag_names(const CommandWords& command) {
  std::vector<std::string> names;
  for (const Flag& flag : command.flags)
    names.insert(names.end(), flag.names.begin(), flag.names.end());
  return names;
}

// "  '/run'|'/task/run') COMMAND ;;" of every place.
std::string places(const CommandWords& program) {
  std::string all;
  visit(program, "", [&](const std::string& place, const CommandWords&) {
    if (!place.empty()) all += (all.empty() ? "" : "|") + quoted(place);
  });
  return all;
}

std::string bash_words(Takes takes, const std::vector<std::string>& words) {
  switch (takes) {
    case Takes::file:
      return "_mecapy_files -f";
    case Takes::folder:
      return "_mecapy_files -d";
    case Takes::words:
      return "_mecapy_words " + quoted(joined(words));
    case Takes::task:
      return "_mecapy_ask tasks";
    case Takes::run:
      return "_mecapy_ask runs";
    case Takes::workflow:
      return "_mecapy_ask workflows; ((${#COMPREPLY[@]})) || _mecapy_files -f";
    case Takes::workflow_run:
      return "_mecapy_ask workflow-runs";
    default:
      return ":";
  }
}

std::string zsh_words(Takes takes, const std::vector<std::string>& words) {
  switch (takes) {
    case Takes::file:
      return "_files";
    case Takes::folder:
      return "_files -/";
    case Takes::words:
      return "compadd -- " + joined(words);
    case Takes::task:
      return "_mecapy_ask tasks";
    case Takes::run:
      return "_mecapy_ask runs";
    case Takes::workflow:
      return "_mecapy_ask workflows; _files";
    case Takes::workflow_run:
      return "_mecapy_ask workflow-runs";
    default:
      return "_message 'a value'";
  }
}

// What comes behind a flag that takes a value, case by case.
template <class Words>
std::string cases_of_values(const CommandWords& program, Words words) {
  std::string out;
  visit(program, "", [&](const std::string& place, const CommandWords& command) {
    for (const Flag& flag : command.flags) {
      if (flag.takes == Takes::nothing) continue;
      std::string patterns;
      for (const std::string& name : flag.names)
        patterns += (patterns.empty() ? "" : "|") + quoted(place + " " + name);
      out += "    " + patterns + ") " + words(flag.takes, flag.words) + "; return ;;\n";
    }
  });
  return out;
}

// "/run --output" of every flag that takes a value, between `separator`s.
std::string flags_with_values(const CommandWords& program, const std::string& separator) {
  std::string out;
  visit(program, "", [&](const std::string& place, const CommandWords& command) {
    for (const Flag& flag : command.flags) {
      if (flag.takes == Takes::nothing) continue;
      for (const std::string& name : flag.names)
        out += (out.empty() ? "" : separator) + quoted(place + " " + name);
    }
  });
  return out;
}

// By place and how many operands stand before; the last may come again.
template <class Words>
std::string cases_of_operands(const CommandWords& program, Words words) {
  std::string out;
  visit(program, "", [&](const std::string& place, const CommandWords& command) {
    if (!command.commands.empty()) return;
    for (std::size_t i = 0; i < command.operands.size(); ++i) {
      const Operand& operand = command.operands[i];
      const bool last = i + 1 == command.operands.size();
      out += "    " + quoted(place + " ") + (last ? "*" : std::to_string(i)) + ") " +
             words(operand.takes, operand.words) + " ;;\n";
    }
  });
  return out;
}

constexpr std::string_view kBashAsk =
    R"(# The words before the tabs of what the program knows of a server, quoted as they are typed.
_mecapy_ask() {
  local word
  [[ ${COMP_WORDS[*]} == *' --server'* ]] && return
  while IFS=$'\t' read -r word _; do
    printf -v word %q "$word"
    [[ $word == "$current"* ]] && COMPREPLY+=("$word")
  done < <(command "${COMP_WORDS[0]}" completion "$1" 2>/dev/null </dev/null)
}
)";

constexpr std::string_view kZshAsk =
    R"(# What the program knows of a server: a word, a tab, what it is.
_mecapy_ask() {
  local line
  local -a names lines
  [[ " ${words[*]}" == *' --server'* ]] && return
  for line in "${(@f)$(command ${words[1]} completion $1 2>/dev/null </dev/null)}"; do
    [[ -n $line ]] || continue
    names+=("${line%%$'\t'*}") lines+=("${line/$'\t'/  }")
  done
  compadd -l -d lines -a names
}
)";

// A description in a list of zsh: "word:what it is".
std::string zsh_item(const std::string& word, const std::string& meaning) {
  std::string name = word;
  for (std::size_t at = 0; (at = name.find(':', at)) != std::string::npos; at += 2)
    name.insert(at, "\\");
  return quoted(name + ":" + meaning);
}

}  // namespace

std::string bash_completion(const CommandWords& program) {
  std::string flags;
  std::string commands;
  visit(program, "", [&](const std::string& place, const CommandWords& command) {
    flags +=
        "    " + quoted(place) + ") _mecapy_words " + quoted(joined(flag_names(command))) + " ;;\n";
    if (command.commands.empty()) return;
    commands += "    " + quoted(place) + ") _mecapy_words " +
                quoted(joined(command_names(command))) + " ;;\n";
  });
  return R"(# Completion of mecapy for bash: source <(mecapy completion bash)
_mecapy_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current"); }
_mecapy_files() { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen "$1" -- "$current"); }
)" + std::string(kBashAsk) +
         R"(_mecapy() {
  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} place='' operands=0 i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$place/${COMP_WORDS[i]}" in
      )" +
         places(program) +
         R"() place=$place/${COMP_WORDS[i]}; continue ;;
    esac
    case "$place ${COMP_WORDS[i-1]}" in
      )" +
         flags_with_values(program, "|") +
         R"() continue ;;
    esac
    [[ ${COMP_WORDS[i]} == = || ${COMP_WORDS[i-1]} == = ]] && continue  # bash cuts there
    [[ ${COMP_WORDS[i]} == -?* ]] || ((operands += 1))
  done
  case "$place $before" in
)" + cases_of_values(program, bash_words) +
         R"(  esac
  if [[ $current == -* ]]; then
    case $place in
)" + flags +
         R"(    esac
    return
  fi
  case $place in
)" + commands +
         R"(  esac
  case "$place $operands" in
)" + cases_of_operands(program, bash_words) +
         R"(  esac
}
complete -F _mecapy mecapy
)";
}

std::string zsh_completion(const CommandWords& program) {
  std::string flags;
  std::string commands;
  visit(program, "", [&](const std::string& place, const CommandWords& command) {
    flags += "    " + quoted(place) + ") items=(";
    for (const Flag& flag : command.flags) {
      for (const std::string& name : flag.names) flags += " " + zsh_item(name, flag.meaning);
    }
    flags += ") ;;\n";
    if (command.commands.empty()) return;
    commands += "    " + quoted(place) + ") items=(";
    for (const CommandWords& inner : command.commands)
      commands += " " + zsh_item(inner.name, inner.meaning);
    commands += "); _describe command items ;;\n";
  });
  return R"(#compdef mecapy
# Completion of mecapy for zsh: source <(mecapy completion zsh), or this as _mecapy in $fpath
)" + std::string(kZshAsk) +
         R"(_mecapy() {
  local place='' operands=0 i
  local current=${words[CURRENT]} before=${words[CURRENT-1]}
  local -a items
  for ((i = 2; i < CURRENT; i++)); do
    case "$place/${words[i]}" in
      )" +
         places(program) +
         R"() place=$place/${words[i]}; continue ;;
    esac
    case "$place ${words[i-1]}" in
      )" +
         flags_with_values(program, "|") +
         R"() continue ;;
    esac
    [[ ${words[i]} == -?* ]] || ((operands += 1))
  done
  case "$place $before" in
)" + cases_of_values(program, zsh_words) +
         R"(  esac
  if [[ $current == -* ]]; then
    case $place in
)" + flags +
         R"(    esac
    _describe -o flag items
    return
  fi
  case $place in
)" + commands +
         R"(  esac
  case "$place $operands" in
)" + cases_of_operands(program, zsh_words) +
         R"(  esac
}
if [[ ${funcstack[1]} == _mecapy ]]; then _mecapy "$@"; elif (( ${+functions[compdef]} )); then compdef _mecapy mecapy; fi
)";
}

namespace {

std::string fish_offers(Takes takes, const std::vector<std::string>& words) {
  switch (takes) {
    case Takes::nothing:
    case Takes::text:
      return "";
    case Takes::file:
      return " -F";
    case Takes::folder:
      return " -a '(__fish_complete_directories)'";
    case Takes::words:
      return " -a " + quoted(joined(words));
    case Takes::task:
      return " -a '(__mecapy_ask tasks)'";
    case Takes::run:
      return " -a '(__mecapy_ask runs)'";
    case Takes::workflow:
      return " -F -a '(__mecapy_ask workflows)'";
    case Takes::workflow_run:
      return " -a '(__mecapy_ask workflow-runs)'";
  }
  return "";
}

std::string fish_flag(const std::string& here, const Flag& flag) {
  std::string out = here;
  for (const std::string& name : flag.names) {
    out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  if (flag.takes != Takes::nothing) out += flag.takes == Takes::file ? " -r" : " -x";
  return out + fish_offers(flag.takes, flag.words) + " -d " + quoted(flag.meaning) + "\n";
}

std::string fish_operands(const std::string& place, const CommandWords& command) {
  std::string out;
  for (std::size_t i = 0; i < command.operands.size(); ++i) {
    const Operand& operand = command.operands[i];
    if (operand.takes == Takes::text) continue;
    const bool last = i + 1 == command.operands.size();
    const std::string count = (last ? " -ge " : " -eq ") + std::to_string(i);
    out += "complete -c mecapy -n " + quoted("__mecapy_at " + place + count) +
           fish_offers(operand.takes, operand.words) + "\n";
  }
  return out;
}

}  // namespace

std::string fish_completion(const CommandWords& program) {
  std::string out = R"(# Completion of mecapy for fish: mecapy completion fish | source
# What the program knows of a server: a word, a tab, what it is.
function __mecapy_ask
    set -l words (commandline -opc)
    string match -qr -- '^--server' $words; and return
    command $words[1] completion $argv[1] 2>/dev/null </dev/null
end
# Whether the line is at this command, and behind so many operands: -eq N, -ge N.
function __mecapy_at
    set -l place ''
    set -l operands 0
    set -l before ''
    for word in (commandline -opc)[2..-1]
        set -l behind "$place $before"
        set before $word
        switch "$place/$word"
            case )" +
                    [&] {
                      std::string all;
                      visit(program, "", [&](const std::string& place, const CommandWords&) {
                        if (!place.empty()) all += " " + quoted(place);
                      });
                      return all;
                    }() +
                    R"(
                set place "$place/$word"
                continue
        end
        switch $behind
            case )" +
                    flags_with_values(program, " ") +
                    R"(
                continue
        end
        string match -qr -- '^-.' $word; or set operands (math $operands + 1)
    end
    test "$place" = "$argv[1]"; or return
    test (count $argv) -eq 1; or test $operands $argv[2] $argv[3]
end
complete -c mecapy -f
)";
  visit(program, "", [&](const std::string& place, const CommandWords& command) {
    const std::string here =
        "complete -c mecapy -n " + quoted("__mecapy_at " + (place.empty() ? "\"\"" : place));
    for (const CommandWords& inner : command.commands) {
      out += here + " -a " + quoted(inner.name) + " -d " + quoted(inner.meaning) + "\n";
    }
    for (const Flag& flag : command.flags) out += fish_flag(here, flag);
    if (command.commands.empty()) out += fish_operands(place, command);
  });
  return out;
}

}  // namespace mecapy::cli
