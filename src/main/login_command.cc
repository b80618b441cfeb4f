// login, logout, whoami.
#include <cstdio>

#include "base/utf8.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "client/answers.h"
#include "client/identity.h"
#include "main/commands.h"
#include "main/complain.h"
#include "main/process.h"
#include "main/remote.h"
#include "wire/json.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>

namespace mecapy::main {
namespace {

constexpr std::size_t kLongestToken = 64 * 1024;

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

Result<std::optional<std::string>> read_token() {
  auto text = cli::read_standard_input(kLongestToken);
  if (!text) return text.error();
  return std::optional(std::move(*text));
}

// Nothing when he leaves.
Result<std::optional<std::string>> token_of_person(const std::string& url, TokenFrom from) {
  auto typed = from == TokenFrom::standard_input
                   ? read_token()
                   : cli::ask_secret("Token for " + cli::harmless_line(url) + " (not shown): ");
  if (!typed) {
    Error error = typed.error();
    if (error.message.starts_with("there is no terminal")) {
      error.message += "; give the token on standard input: mecapy login --token-stdin < FILE";
    }
    return error;
  }
  if (!*typed) return *typed;
  std::string token = trimmed(**typed);
  if (!client::is_token(token)) return fail(ErrorCode::usage, "that is no token");
  return std::optional(std::move(token));
}

awaitable<Result<client::Login>> login_by_device(net::HttpClient& http, std::string url,
                                                 client::Callers callers) {
  auto endpoints = co_await client::discover(http, callers.issuer);
  if (!endpoints) co_return endpoints.error();
  const base::SystemClock clock;
  client::DeviceLogin device(http, clock, *endpoints, {callers.client_id, url});
  const auto code = co_await device.begin();
  if (!code) co_return code.error();
  const cli::Screen err(stderr);
  const bool whole = !code->complete.empty();
  // A server may name the provider of another one, to get what that one takes.
  std::string text = "You log in to " + err.styled(cli::harmless_line(url, 300), cli::Style::bold) +
                     " by " + cli::harmless_line(callers.issuer, 300) +
                     ". That server gets your token: agree only when it is yours.\n\nOpen this "
                     "address in a browser, here or on your phone, and log in:\n\n  " +
                     err.styled(cli::harmless_line(whole ? code->complete : code->address, 2000),
                                cli::Style::bold) +
                     "\n\n";
  text += (whole ? "It shows the code " : "There type the code ") +
          err.styled(cli::harmless_line(code->code), cli::Style::bold) +
          ". Waiting for you to agree; Ctrl-C leaves.\n";
  err.write(text);
  auto tokens = co_await device.wait();
  if (!tokens) co_return tokens.error();
  co_return client::Login{url,
                          tokens->access,
                          tokens->expires_at,
                          tokens->refresh,
                          endpoints->token,
                          callers.client_id,
                          endpoints->revocation};
}

std::string me_sentence(const std::string& me, const std::string& url) {
  return cli::harmless_line(client::text_member(me, "user")) + " at " + url;
}

awaitable<Result<std::string>> who_am_i(client::Api& api) {
  client::Call call;
  call.path = "/api/me";
  auto me = co_await api.text(std::move(call));
  if (me && client::text_member(*me, "user").empty()) {
    co_return fail(ErrorCode::unavailable, "the server does not say who you are to it");
  }
  co_return me;
}

// Nothing when the person leaves.
awaitable<Result<std::optional<client::Login>>> get_login(net::HttpClient& http, std::string url,
                                                          TokenFrom from) {
  client::Callers callers;
  if (from == TokenFrom::whatever_is_asked) {
    auto asked = co_await client::ask_callers(http, url);
    if (!asked) co_return asked.error();
    callers = std::move(*asked);
  }
  if (!callers.issuer.empty() && !callers.client_id.empty()) {
    auto login = co_await login_by_device(http, url, std::move(callers));
    if (!login) co_return login.error();
    co_return std::optional(std::move(*login));
  }
  auto token = token_of_person(url, from);
  if (!token) co_return token.error();
  if (!*token) co_return std::optional<client::Login>();
  co_return std::optional(client::Login{url, std::move(**token)});
}

// Gets a login, tries it, saves it.
awaitable<Result<int>> log_in(std::string url, TokenFrom from) {
  const client::Options options = client_options();
  net::HttpClient http({.ca = options.ca});
  const auto got = co_await get_login(http, url, from);
  if (!got) co_return got.error();
  if (!*got) {
    std::fputs("mecapy: nothing was changed\n", stderr);
    co_return kInterrupted;
  }
  const client::Login& login = **got;
  client::Target target{url, login.token, client::Proof::saved_login};
  const base::SystemClock clock;
  client::Api api(target, options, clock);
  const auto me = co_await who_am_i(api);
  if (!me) {
    Error error = me.error();
    if (error.code == ErrorCode::unauthorized) {
      error.message = url + " does not take this token (" + error.message + "); nothing is saved";
    }
    co_return error;
  }
  if (auto saved = client::save_login(options.login_path, login); !saved) co_return saved.error();
  std::fprintf(stderr, "Logged in as %s; saved in %s, which mecapy logout removes.\n",
               me_sentence(*me, url).c_str(), options.login_path.c_str());
  co_return 0;
}

// The file is gone whatever comes of this.
void tell_provider(const client::Login& login) {
  ignore_broken_pipes();
  boost::asio::io_context io{1};
  net::HttpClient http({.ca = client_options().ca});
  Result<bool> done = fail(ErrorCode::internal, "nothing was done");
  boost::asio::co_spawn(io, client::revoke(http, login),
                        [&](const std::exception_ptr& thrown, Result<bool> result) {
                          if (!thrown) done = std::move(result);
                        });
  io.run();
  if (done && *done) {
    std::fputs("The identity provider renews it for nobody any more.\n", stderr);
    return;
  }
  const std::string why = done ? "it has no place for that" : done.error().message;
  std::fprintf(stderr,
               "The identity provider was not told (%s): who has a copy of the login can renew it "
               "until it ends there.\n",
               cli::harmless_line(why, 300).c_str());
}

std::string_view name(client::Proof proof) {
  switch (proof) {
    case client::Proof::environment:
      return "MECAPY_TOKEN";
    case client::Proof::saved_login:
      return "saved login";
    case client::Proof::data_folder:
      return "data folder";
    case client::Proof::none:
      return "none";
  }
  return "";
}

}  // namespace

int login(const config::Settings& settings, const LoginStart& start) {
  client::Surroundings around = surroundings(settings, start.url);
  around.token.clear();  // it is the saved one that is to change
  std::string named = around.server.empty() ? around.url : around.server;
  bool guessed = false;
  if (named.empty()) {
    const auto saved = client::read_login(around.login_path);
    guessed = !saved || !*saved;
    named = guessed ? around.local_url : (*saved)->url;
  }
  const auto url = client::server_address(named);
  if (!url) return complain(url.error());
  ignore_broken_pipes();
  boost::asio::io_context io{1};
  Result<int> done = fail(ErrorCode::internal, "nothing was done");
  boost::asio::co_spawn(io, log_in(*url, start.from),
                        [&](const std::exception_ptr& thrown, Result<int> result) {
                          if (!thrown) done = std::move(result);
                        });
  io.run();
  if (done) return *done;
  if (guessed && done.error().code == ErrorCode::unavailable) {
    return complain(fail(ErrorCode::unavailable, done.error().message +
                                                     "; give the address of your server: mecapy "
                                                     "login https://HOST"));
  }
  const bool asked = done.error().code == ErrorCode::unauthorized;  // advice would be to log in
  return asked ? complain(done.error()) : complain_with_advice(done.error(), Subject::server, *url);
}

int logout() {
  const std::string path = client::login_path();
  const auto login = client::read_login(path);
  const auto removed = client::remove_login(path);
  if (!removed) return complain(removed.error());
  std::fprintf(stderr, *removed ? "Logged out: %s is gone.\n" : "Nobody was logged in (%s).\n",
               path.c_str());
  if (login && *login && (*login)->renewable()) tell_provider(**login);
  return 0;
}

int who_am_i(const config::Settings& settings, const RemoteWords& words) {
  return at_server(settings, words, Subject::server, [](Remote& remote) -> awaitable<Result<int>> {
    const auto me = co_await who_am_i(remote.api);
    if (!me) co_return me.error();
    const std::string_view proof = name(remote.target.proof);
    if (remote.json()) {
      wire::ObjectWriter out;
      out.text("server", remote.target.url)
          .text("user", client::text_member(*me, "user"))
          .boolean("admin", client::is_true(*me, "admin"))
          .text("token_from", proof);
      print_json(remote, std::move(out).finish());
    } else {
      remote.out.write(me_sentence(*me, remote.target.url) + " (" + std::string(proof) + ")\n");
    }
    co_return 0;
  });
}

}  // namespace mecapy::main
