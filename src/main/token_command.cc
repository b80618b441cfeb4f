// token.
#include <cstdio>
#include <fstream>

#include "auth/auth.h"
#include "main/commands.h"
#include "main/complain.h"
#include "main/data_folder.h"
#include "main/process.h"

namespace mecapy::main {
namespace {

// How many tokens the file (lines "hash user") has of the user.
std::ptrdiff_t tokens_of(const std::string& path, const std::string& user) {
  std::ifstream file(path);
  std::ptrdiff_t count = 0;
  for (std::string line; std::getline(file, line);) count += line.ends_with(" " + user) ? 1 : 0;
  return count;
}

}  // namespace

int add_token(const config::Settings& settings, const std::string& user) {
  auto owner = prepare_data_dir(settings);
  if (!owner) return complain(owner.error());
  if (auto dropped = become(*owner); !dropped) return complain(dropped.error());
  const std::string path = DataFolder{settings.data_dir}.tokens();
  const std::ptrdiff_t earlier = tokens_of(path, user);
  auto token = auth::add_user(path, user);
  if (!token) return complain(token.error());
  if (earlier > 0) {
    std::fprintf(stderr,
                 "mecapy: %s has %td earlier token%s, valid as before; to revoke one, delete its "
                 "line in %s (the oldest is first)\n",
                 user.c_str(), earlier, earlier == 1 ? "" : "s", path.c_str());
  }
  std::printf("%s\n", token->c_str());
  return 0;
}

}  // namespace mecapy::main
