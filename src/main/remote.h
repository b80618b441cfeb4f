// What all commands that call a server share: which one, the client, how errors are told.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "client/api.h"
#include "config/settings.h"

namespace mecapy::main {

using boost::asio::awaitable;

// Exit status of a command that was interrupted, or whose run was cancelled; as shells have it.
inline constexpr int kInterrupted = 130;

enum class Format : std::uint8_t { people, json };

// What each of these commands may be told.
struct RemoteWords {
  std::string server{};
  Format format = Format::people;
};

// A server, as one command has it before it.
struct Remote {
  Remote(client::Target chosen, client::Options options, Format wanted)
      : target(std::move(chosen)), api(target, std::move(options), clock), format(wanted) {}
  boost::asio::io_context io{1};
  base::SystemClock clock;
  client::Target target;
  client::Api api;
  Format format;
  cli::Screen out{stdout};
  cli::Screen err{stderr};
  bool json() const { return format == Format::json; }
  double now() const { return base::seconds(clock.now()); }  // since 1970
};

// What a command is about, so that an error can say what to do next.
enum class Subject : std::uint8_t { server, run, task, file, workflow, workflow_run };
struct About {
  About(Subject one, std::string typed = {}) : subject(one), word(std::move(typed)) {}
  Subject subject;
  std::string word;  // by which the caller names it; "" when the command has none
};

// Does `act` with the server that is to be called; its exit status, or that of its error, which is
// told with what to do next.
int at_server(const config::Settings& settings, const RemoteWords& words, const About& about,
              const std::function<awaitable<Result<int>>(Remote&)>& act);

// What decides which server is called.
client::Surroundings surroundings(const config::Settings& settings, const std::string& server);
// How it is called; MECAPY_CA.
client::Options client_options();

// Whether nobody listens at `url`, which is on this machine.
bool is_not_there(const Error& error, const std::string& url);

// Whether a limit was asked for that nobody gets here.
bool is_over_a_ceiling(const FieldProblem& problem);

// Prints the error, and what to do about it when that is known; its exit status.
int complain_with_advice(const Error& error, const About& about, const std::string& url);

// How many characters of the ids of a list's answers are shown: on a terminal those that tell them
// apart, else all.
template <class Answer>
std::size_t shown_of_ids(const Remote& remote, const std::vector<Answer>& answers) {
  if (!remote.out.is_terminal()) return 36;
  std::vector<std::string> ids;
  for (const Answer& answer : answers) ids.push_back(answer.id);
  return cli::telling_length(ids);
}

// How long ago a time of the server's was, for people; "-" when it tells none.
std::string ago(const Remote& remote, const std::string& time);

// Prints JSON from the server, or what was made of it, with a newline.
void print_json(const Remote& remote, const std::string& json);

}  // namespace mecapy::main
