#include "main/remote.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <cstdlib>
#include <exception>

#include "base/age.h"
#include "base/loopback.h"
#include "cli/text.h"
#include "main/commands.h"
#include "main/complain.h"
#include "main/data_folder.h"
#include "main/process.h"

namespace mecapy::main {
namespace {

// The host that `url` names, without its port.
std::string_view host_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  std::string_view rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  rest = rest.substr(0, rest.find_first_of("/?"));
  if (rest.starts_with('[')) return rest.substr(0, rest.find(']') + 1);
  return rest.substr(0, rest.find(':'));
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string when_unavailable(const Error& error, const std::string& url) {
  if (error.message.find("certificate") != std::string::npos)
    return "MECAPY_CA names the file of certificates to trust";
  if (url.empty()) return "";
  const std::string begin = is_not_there(error, url)
                                ? "is it running? mecapy serve starts it; "
                                : "mecapy health " + url + " tells how the server is; ";
  return begin + "--server or MECAPY_URL names another";
}

bool is_of_a_version(const FieldProblem& problem) { return problem.pointer.ends_with("/version"); }

std::string when_not_found(const Error& error, const About& about) {
  switch (about.subject) {
    case Subject::run:
      return "mecapy runs shows yours";
    case Subject::file:
      return "mecapy runs RUN shows the files of a run";
    case Subject::task:
      if (!about.word.empty() && std::ranges::any_of(error.problems, is_of_a_version))
        return "mecapy task show " + cli::harmless_line(about.word) + " shows the latest";
      return "mecapy task list shows yours";
    case Subject::workflow:
      return "mecapy workflow list shows yours";
    case Subject::workflow_run:
      return "mecapy workflow runs shows yours";
    default:
      return "";
  }
}

// What to do next; "" when that is not known.
std::string advice(const Error& error, const About& about, const std::string& url) {
  switch (error.code) {
    case ErrorCode::unauthorized:
      if (!variable("MECAPY_TOKEN").empty()) {
        return "MECAPY_TOKEN was sent; without it the login that mecapy login saves is";
      }
      if (error.message.starts_with("nobody")) {
        return "mecapy login " + url + ", or with the address of your server";
      }
      return "mecapy login " + url;
    case ErrorCode::not_found:
      return when_not_found(error, about);
    case ErrorCode::invalid_fields:
      for (const FieldProblem& problem : error.problems) {
        if (is_over_a_ceiling(problem))
          return url + "/docs/contract shows the ceilings of limits; its operator sets them";
      }
      return "";
    case ErrorCode::busy:
    case ErrorCode::draining:
      return "it has too much to do or is starting again; try again in a while";
    case ErrorCode::unavailable:
      return when_unavailable(error, url);
    default:
      return "";
  }
}

// Options that go along in an address under the name they have here.
constexpr std::string_view kSentOptions[] = {"status", "version", "by", "from", "to", "user"};

// The error with what was typed in the place of what was sent.
Error as_typed(Error error) {
  constexpr std::string_view kQuery = "#query/";
  for (FieldProblem& problem : error.problems) {
    if (!problem.pointer.starts_with(kQuery)) continue;
    const std::string name = problem.pointer.substr(kQuery.size());
    if (std::ranges::find(kSentOptions, name) == std::end(kSentOptions)) continue;
    problem.pointer = "--" + name;
    if (error.code == ErrorCode::invalid_fields) error.message = "some options are wrong";
  }
  return error;
}

}  // namespace

bool is_not_there(const Error& error, const std::string& url) {
  return base::is_loopback(host_of(url)) &&
         error.message.find("Failed to connect") != std::string::npos;
}

bool is_over_a_ceiling(const FieldProblem& problem) {
  return problem.pointer.starts_with("/limits/") &&
         problem.detail.find("over the ceiling") != std::string::npos;
}

client::Surroundings surroundings(const config::Settings& settings, const std::string& server) {
  client::Surroundings around;
  around.server = server;
  around.url = variable("MECAPY_URL");
  around.token = variable("MECAPY_TOKEN");
  around.login_path = client::login_path();
  around.local_url = "http://127.0.0.1:" + std::to_string(settings.server_port);
  around.local_token_file = DataFolder{settings.data_dir}.token();
  return around;
}

client::Options client_options() {
  client::Options options;
  options.ca = variable("MECAPY_CA");
  options.login_path = client::login_path();
  return options;
}

int complain_with_advice(const Error& error, const About& about, const std::string& url) {
  const int status = complain(as_typed(error));
  const std::string next = advice(error, about, url);
  if (!next.empty()) std::fprintf(stderr, "  -> %s\n", next.c_str());
  return status;
}

int at_server(const config::Settings& settings, const RemoteWords& words, const About& about,
              const std::function<awaitable<Result<int>>(Remote&)>& act) {
  auto target = client::choose_target(surroundings(settings, words.server));
  if (!target) return complain(target.error());
  ignore_broken_pipes();  // a connection that breaks is an error of its call
  Remote remote(std::move(*target), client_options(), words.format);
  Result<int> done = fail(ErrorCode::internal, "nothing was done");
  std::exception_ptr thrown;
  boost::asio::co_spawn(remote.io, act(remote),
                        [&](const std::exception_ptr& e, Result<int> result) {
                          thrown = e;
                          if (!e) done = std::move(result);
                        });
  remote.io.run();
  if (thrown) std::rethrow_exception(thrown);
  return done ? *done : complain_with_advice(done.error(), about, remote.target.url);
}

std::string ago(const Remote& remote, const std::string& time) {
  const auto parsed = cli::parse_time(time);
  return parsed ? base::age(*parsed, remote.now()) : "-";
}

void print_json(const Remote& remote, const std::string& json) {
  remote.out.write(cli::harmless_json(json) + "\n");
}

}  // namespace mecapy::main
