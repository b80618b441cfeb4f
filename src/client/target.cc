#include "client/target.h"

#include <algorithm>
#include <boost/url.hpp>

#include "base/own_file.h"
#include "net/http_client.h"

namespace mecapy::client {
namespace {

constexpr std::size_t kLargestToken = 64 * 1024;  // bytes

// "" when there is none that this user may read.
Result<std::string> token_in(const std::string& path) {
  const auto text = base::read_own_file(path, kLargestToken, base::Whose::mine_roots_or_folders);
  if (text) return text->substr(0, text->find('\n'));
  if (text.error().code != ErrorCode::usage) return std::string();
  return fail(ErrorCode::usage,
              "the token of the data folder is not sent: " + text.error().message);
}

Result<std::string> choose_url(const Surroundings& around, const std::optional<Login>& login) {
  for (const std::string& named : {around.server, around.url}) {
    if (!named.empty()) return server_address(named);
  }
  return server_address(login ? login->url : around.local_url);
}

}  // namespace

bool is_token(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

Result<std::string> server_address(std::string text) {
  while (text.ends_with('/')) text.pop_back();
  const auto url = boost::urls::parse_uri(text);
  if (!url || (url->scheme() != "https" && url->scheme() != "http") || url->has_query() ||
      url->has_fragment() || url->has_userinfo()) {
    return fail(ErrorCode::usage, "\"" + text +
                                      "\" is no address of a server: write https://HOST, or "
                                      "http://127.0.0.1:8080 on its own machine");
  }
  if (auto fine = net::check_url(text); !fine) {
    return fail(ErrorCode::usage,
                text + ": a token is not sent to another machine without TLS; use https://");
  }
  return text;
}

Result<Target> choose_target(const Surroundings& around) {
  std::optional<Login> login;
  const bool named = !around.server.empty() || !around.url.empty();
  if (around.token.empty() || !named) {
    auto saved = read_login(around.login_path);
    if (!saved && around.token.empty()) return saved.error();
    if (saved) login = std::move(*saved);
  }
  auto url = choose_url(around, login);
  if (!url) return url.error();
  Target target{*url, around.token, Proof::environment};
  if (!target.token.empty()) {
    if (is_token(target.token)) return target;
    return fail(ErrorCode::usage, "MECAPY_TOKEN holds what no token has");
  }
  const auto saved_for = login ? server_address(login->url) : Result<std::string>("");
  if (saved_for && *saved_for == target.url) {
    target.token = login->token;
    target.proof = Proof::saved_login;
    target.login = std::move(login);
    return target;
  }
  if (target.url != around.local_url) {
    target.proof = Proof::none;
    return target;
  }
  auto local = token_in(around.local_token_file);
  if (!local) return local.error();
  target.proof = is_token(*local) ? Proof::data_folder : Proof::none;
  if (is_token(*local)) target.token = std::move(*local);
  return target;
}

}  // namespace mecapy::client
