#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <sstream>
#include <vector>

#include "auth/auth.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/log.h"
#include "base/own_file.h"
#include "base/sha256.h"

namespace mecapy::auth {
namespace {

constexpr std::size_t kLargestToken = 64 * 1024;  // bytes
constexpr std::size_t kLargestUsers = 64 << 20;

bool equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

struct User {
  std::string token_hash;  // hex
  std::string name;
};

// None of a file that is not this user's own.
std::vector<User> read_users(const std::string& path) {
  std::vector<User> users;
  const auto text = base::read_own_file(path, kLargestUsers, base::Whose::mine_roots_or_folders);
  if (!text) {
    base::log_error("the users' tokens cannot be used", {{"why", text.error().message}});
    return users;
  }
  std::istringstream file(*text);
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    User user;
    if (words >> user.token_hash >> user.name) users.push_back(std::move(user));
  }
  return users;
}

Error unauthorized(std::string why) {
  return fail_at("#header/Authorization", ErrorCode::unauthorized, std::move(why));
}

class TokenAuthenticator final : public Authenticator {
 public:
  explicit TokenAuthenticator(TokenOptions options) : options_(std::move(options)) {
    local_hash_ = base::sha256_hex(options_.local_token);
  }

  Result<Principal> check(std::optional<std::string_view> authorization) const override {
    const auto token = bearer_token(authorization);
    if (!token) return token.error();
    const std::string hash = base::sha256_hex(*token);
    // Every candidate is compared, so that time tells nothing.
    const User* found = nullptr;
    const std::lock_guard lock(mutex_);
    refresh();
    for (const User& user : users_) {
      if (equal(user.token_hash, hash)) found = &user;
    }
    if (equal(local_hash_, hash)) return Principal{std::string(kLocalUser)};
    if (found == nullptr) return unauthorized("the token is not known");
    return Principal{found->name};
  }

 private:
  void refresh() const {
    struct stat now {};
    if (::lstat(options_.users_file.c_str(), &now) != 0 || !S_ISREG(now.st_mode)) {
      users_.clear();
      read_ = {};
      return;
    }
    const bool same = now.st_mtim.tv_sec == read_.st_mtim.tv_sec && now.st_size == read_.st_size &&
                      now.st_mtim.tv_nsec == read_.st_mtim.tv_nsec && now.st_ino == read_.st_ino;
    if (same) return;
    users_ = read_users(options_.users_file);
    read_ = now;
  }

  TokenOptions options_;
  std::string local_hash_;
  mutable std::mutex mutex_;
  mutable std::vector<User> users_;
  mutable struct stat read_ {};
};

Result<void> append_private(const std::string& path, const std::string& text, int flags) {
  const base::Fd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600));
  if (!fd || ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(fd.get()) != 0) {
    return fail(ErrorCode::storage, "cannot write " + path + ": " + std::strerror(errno));
  }
  return {};
}

bool is_user_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("._-@").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::string_view name(Proof proof) { return proof == Proof::token ? "token" : "openid_connect"; }

Result<std::string_view> bearer_token(std::optional<std::string_view> authorization) {
  static constexpr std::string_view kScheme = "bearer ";
  const std::string_view given = authorization.value_or("");
  const bool bearer = given.size() > kScheme.size() &&
                      std::ranges::equal(given.substr(0, kScheme.size()), kScheme, {},
                                         [](char c) { return std::tolower(c); });
  if (!bearer) return unauthorized("send the header Authorization: Bearer TOKEN");
  return given.substr(kScheme.size());
}

std::unique_ptr<Authenticator> make_token_authenticator(TokenOptions options) {
  return std::make_unique<TokenAuthenticator>(std::move(options));
}

Result<std::string> load_or_make_token(const std::string& path) {
  const auto text = base::read_own_file(path, kLargestToken, base::Whose::mine_roots_or_folders);
  if (!text && text.error().code != ErrorCode::not_found) return text.error();
  std::string token = text ? text->substr(0, text->find('\n')) : "";
  if (!token.empty()) return token;
  token = base::random_hex(24);
  if (auto kept = append_private(path, token + "\n", O_TRUNC); !kept) return kept.error();
  return token;
}

Result<std::string> add_user(const std::string& users_file, const std::string& user) {
  if (!is_user_name(user) || user == kLocalUser) {
    return fail(ErrorCode::usage,
                "a user is 1-64 letters, digits, '.', '_', '-' or '@', not \"local\"");
  }
  const std::string token = base::random_hex(24);
  const std::string line = base::sha256_hex(token) + " " + user + "\n";
  if (auto kept = append_private(users_file, line, O_APPEND); !kept) return kept.error();
  return token;
}

}  // namespace mecapy::auth
