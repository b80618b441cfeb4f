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

awaitable<Result<std::string>> task_lines(Remote& remote) {
  const auto items = co_await client::list(remote.api, "/api/tasks", {}, client::kLargestPage);
  if (!items) co_return items.error();
  const auto tasks = client::read_each(*items, client::read_task);
  if (!tasks) co_return tasks.error();
  std::string lines;
  std::set<std::string> told;  // a name of several tasks means none of them, and is there once
  for (const client::TaskAnswer& task : *tasks) {
    if (told.insert(task.name).second) lines += line_of(task.name, task.description);
  }
  co_return lines;
}

awaitable<Result<std::string>> run_lines(Remote& remote) {
  const auto items = co_await client::list(remote.api, "/api/runs", {}, kOfferedRuns);
  if (!items) co_return items.error();
  const auto runs = client::read_each(*items, client::read_run);
  if (!runs) co_return runs.error();
  std::string lines = runs->empty() ? "" : line_of("last", "the newest");
  for (const client::RunAnswer& run : *runs)
    lines += line_of(run.id, run.status + ", " + ago(remote, run.queued_at));
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
  if (typed.shell == "tasks") offer(settings, task_lines);
  if (typed.shell == "runs") offer(settings, run_lines);
  return 0;
}

}  // namespace mecapy::main
