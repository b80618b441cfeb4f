#include "client/login_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/fd.h"
#include "base/id.h"
#include "base/whole.h"
#include "client/target.h"
#include "wire/json.h"

namespace mecapy::client {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kLargest = 256 * 1024;  // bytes

Error wrong(const std::string& path, const std::string& why) {
  return fail(ErrorCode::usage, path + " " + why + "; mecapy login makes it anew");
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : "";
}

Result<std::string> read_own_file(const std::string& path, int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return wrong(path, "is no file");
  if (info.st_uid != ::geteuid()) {
    return fail(ErrorCode::usage, path + " is somebody else's: remove it, and log in again");
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(ErrorCode::usage, "others may read " + path +
                                      ", which holds a token: chmod 600 it, and log in again");
  }
  std::string text(kLargest, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t n = ::read(fd, text.data() + size, text.size() - size);
    if (n < 0) return wrong(path, "cannot be read");
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  text.resize(size);
  return text;
}

// Where the links of `path` end: who keeps the file elsewhere has one there. `path` itself when
// nothing is there.
std::string behind_links(const std::string& path) {
  std::error_code ec;
  const fs::path found = fs::canonical(path, ec);
  return ec ? path : found.string();
}

// The login that a file holds, or nothing when it holds none.
std::optional<Login> login_of(const std::string& text) {
  json::error_code ec;
  const json::value whole = json::parse(text, ec);
  if (ec || !whole.is_object()) return std::nullopt;
  const json::object& object = whole.get_object();
  Login login{text_of(object, "url"), text_of(object, "token")};
  if (login.url.empty() || !is_token(login.token)) return std::nullopt;
  if (const json::value* ends = object.if_contains("expires_at"); ends != nullptr) {
    if (!ends->is_number()) return std::nullopt;
    login.expires_at = ends->to_number<double>();
  }
  int renewal = 0;
  for (const auto& [name, member] : {std::pair{"refresh_token", &Login::refresh_token},
                                     std::pair{"token_endpoint", &Login::token_endpoint},
                                     std::pair{"client_id", &Login::client_id}}) {
    login.*member = text_of(object, name);
    if (object.contains(name) && (login.*member).empty()) return std::nullopt;
    renewal += (login.*member).empty() ? 0 : 1;
  }
  if (renewal != 0 && renewal != 3) return std::nullopt;
  login.revocation_endpoint = text_of(object, "revocation_endpoint");
  return login;
}

// Writes all of `text` to a new file beside `path`, and puts it there.
Result<void> replace(const std::string& path, const std::string& text) {
  const std::string fresh = path + "." + base::random_hex(6);
  const auto failed = [&] {
    const std::string why = std::strerror(errno);
    ::unlink(fresh.c_str());
    return fail(ErrorCode::storage, "cannot save the login in " + path + ": " + why);
  };
  base::Fd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return failed();
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(file.get(), text.data() + at, text.size() - at);
    if (n < 0) return failed();
    at += static_cast<std::size_t>(n);
  }
  if (::fsync(file.get()) != 0 || ::rename(fresh.c_str(), path.c_str()) != 0) return failed();
  return {};
}

}  // namespace

std::string login_path() {
  const char* xdg = std::getenv("XDG_CONFIG_HOME");
  if (xdg != nullptr && *xdg == '/') return std::string(xdg) + "/mecapy/login.json";
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') return "";
  return std::string(home) + "/.config/mecapy/login.json";
}

Result<std::optional<Login>> read_login(const std::string& path) {
  if (path.empty()) return std::optional<Login>();
  const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return std::optional<Login>();
  if (!file) return wrong(path, "cannot be read");
  const auto text = read_own_file(path, file.get());
  if (!text) return text.error();
  std::optional<Login> login = login_of(*text);
  if (!login) return wrong(path, "holds no login");
  return login;
}

Result<void> save_login(const std::string& path, const Login& login) {
  if (path.empty()) return fail(ErrorCode::usage, "there is no HOME to save the login in");
  const fs::path folder = fs::path(path).parent_path();
  std::error_code ec;
  fs::create_directories(folder.parent_path(), ec);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(ErrorCode::storage,
                "cannot make the folder " + folder.string() + ": " + std::strerror(errno));
  }
  wire::ObjectWriter out;
  out.text("url", login.url).text("token", login.token);
  if (login.expires_at) {
    out.integer("expires_at", base::whole<std::int64_t>(*login.expires_at));
  }
  if (login.renewable()) {
    out.text("refresh_token", login.refresh_token)
        .text("token_endpoint", login.token_endpoint)
        .text("client_id", login.client_id);
    if (!login.revocation_endpoint.empty()) {
      out.text("revocation_endpoint", login.revocation_endpoint);
    }
  }
  return replace(behind_links(path), std::move(out).finish() + "\n");
}

Result<bool> remove_login(const std::string& path) {
  if (path.empty()) return false;
  std::error_code ec;
  const fs::path file = fs::canonical(path, ec);
  if (!ec && ::unlink(file.c_str()) == 0) return true;
  const std::error_code why = ec ? ec : std::error_code(errno, std::generic_category());
  if (why == std::errc::no_such_file_or_directory || why == std::errc::not_a_directory) {
    return false;
  }
  return fail(ErrorCode::storage, "cannot remove " + path + ": " + why.message());
}

}  // namespace mecapy::client
