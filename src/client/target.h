// Which server is called, and who calls.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "client/login_file.h"

namespace mecapy::client {

// What decides; "" where nothing is said.
struct Surroundings {
  std::string server;            // named by the command
  std::string url;               // MECAPY_URL
  std::string token;             // MECAPY_TOKEN
  std::string login_path;        // of the saved login
  std::string local_url;         // where `mecapy serve` listens when nobody says otherwise
  std::string local_token_file;  // of its data folder
};

// Where the token is from.
enum class Proof : std::uint8_t { none, environment, saved_login, data_folder };

struct Target {
  std::string url;  // without a slash at its end
  std::string token;
  Proof proof = Proof::none;
  std::optional<Login> login{};  // saved_login only
};

// The server: named, MECAPY_URL, the saved login's, `local_url`. The token: MECAPY_TOKEN, the saved
// login's when it is for this server, that of the data folder for `local_url`; none is no error.
// usage for what is no address, for http:// to another machine, and for a data folder's token that
// is a link or somebody else's; read_login's errors.
Result<Target> choose_target(const Surroundings& around);

// `text` as the address of a server: https://HOST[:PORT][/PATH] without a slash at its end, or
// http:// of this machine. usage for another.
Result<std::string> server_address(std::string text);

// Whether `text` can be a token: visible ASCII, not empty.
bool is_token(const std::string& text);

}  // namespace mecapy::client
