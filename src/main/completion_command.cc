// completion: the scripts of shells, and the words of a server that they offer.
#include <boost/asio/co_spawn.hpp>
#include <cstdio>
#include <set>

#include "cli/completion.h"
#include "cli/text.h"
#include "client/pages.h"
#include "main/command_table.h"
#include "main/process.h"

namespace mecapy::main {
namespace {

constexpr std::chrono::seconds kPatience{2};  // a person waits at his prompt
constexpr std::int64_t kOfferedRuns = 20;

// "WORD\tDESCRIPTION\n"; "" of what a line cannot hold or a terminal must not be shown.
std::string line_of(const std::string& word, const std::string& description) {
  if (word.empty() || word.front() == '-' || cli::harmless_line(word, word.size()) != word)
    return "";
  return word + "\t" + cli::harmless_line(description, 60) + "\n";
}

// Names of tasks, or of workflows.
awaitable<Result<std::string>> name_lines(Remote& remote, std::string path) {
  const auto items = co_await client::list(remote.api, std::move(path), {}, client::kLargestPage);
  if (!items) co_return items.error();
  std::string lines;
  std::set<std::string> told;  // a name of several means none of them, and is there once
  for (const std::string& item : *items) {
    const std::string name = client::text_member(item, "name");
    if (told.insert(name).second) lines += line_of(name, client::text_member(item, "description"));
  }
  co_return lines;
}

// Ids of runs, or of runs of workflows.
awaitable<Result<std::string>> run_lines(Remote& remote, std::string path) {
  const auto items = co_await client::list(remote.api, std::move(path), {}, kOfferedRuns);
  if (!items) co_return items.error();
  std::string lines = items->empty() ? "" : line_of("last", "the newest");
  for (const std::string& item : *items) {
    lines += line_of(client::text_member(item, "id"),
                     client::text_member(item, "status") + ", " +
                         ago(remote, client::text_member(item, "queued_at")));
  }
  co_return lines;
}

// Prints what there is; nothing without a server, a login, or an answer soon. A login is not
// renewed: who leaves the line would lose the new one.
void offer(const config::Settings& settings,
           const std::function<awaitable<Result<std::string>>(Remote&)>& lines_of) {
  auto target = client::choose_target(surroundings(settings, ""));
  if (!target || target->proof == client::Proof::none) return;
  target->login.reset();
  ignore_broken_pipes();
  client::Options options = client_options();
  options.answers = kPatience;
  options.patience = std::chrono::seconds(0);
  Remote remote(std::move(*target), std::move(options), Format::people);
  Result<std::string> lines = fail(ErrorCode::internal, "nothing was done");
  boost::asio::co_spawn(remote.io, lines_of(remote),
                        [&](const std::exception_ptr& thrown, Result<std::string> told) {
                          if (!thrown) lines = std::move(told);
                        });
  remote.io.run();
  if (lines) remote.out.write(*lines);
}

}  // namespace

int complete(const config::Settings& settings, const Typed& typed) {
  const cli::CommandWords program = describe(*typed.program);
  if (typed.shell == "bash") std::fputs(cli::bash_completion(program).c_str(), stdout);
  if (typed.shell == "zsh") std::fputs(cli::zsh_completion(program).c_str(), stdout);
  if (typed.shell == "fish") std::fputs(cli::fish_completion(program).c_str(), stdout);
  if (typed.shell == "tasks")
    offer(settings, [](Remote& r) { return name_lines(r, "/api/tasks"); });
  if (typed.shell == "runs") offer(settings, [](Remote& r) { return run_lines(r, "/api/runs"); });
  if (typed.shell == "workflows")
    offer(settings, [](Remote& r) { return name_lines(r, "/api/workflows"); });
  if (typed.shell == "workflow-runs")
    offer(settings, [](Remote& r) { return run_lines(r, "/api/workflow-runs"); });
  return 0;
}

}  // namespace mecapy::main
