// serve: what must be so before the launcher starts.
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>

#include "main/commands.h"
#include "main/complain.h"
#include "main/data_folder.h"
#include "main/documents.h"
#include "main/launcher.h"
#include "main/parts.h"
#include "main/process.h"

namespace mecapy::main {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLockPatience{2000};

// Whether somebody may listen there, tried before anything is made. A predecessor that was killed a
// moment ago may still hold the port.
Result<void> try_port(const std::string& host, std::int64_t port, milliseconds patience) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return fail(ErrorCode::usage, "not an IP address to listen on: " + host);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> address(found, ::freeaddrinfo);
  const auto give_up = steady_clock::now() + patience;
  while (true) {
    const base::Fd fd(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int one = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd && ::bind(fd.get(), address->ai_addr, address->ai_addrlen) == 0) return {};
    const int error = errno;
    if (error != EADDRINUSE || steady_clock::now() > give_up) {
      return fail(ErrorCode::unavailable,
                  "cannot listen on " + host + ":" + std::to_string(port) + ": " +
                      std::strerror(error) +
                      (error == EADDRNOTAVAIL ? "; choose another with --host"
                                              : "; choose another with --port"));
    }
    ::poll(nullptr, 0, 20);
  }
}

bool lock_within(int fd, milliseconds patience) {
  const auto give_up = steady_clock::now() + patience;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK || steady_clock::now() > give_up) return false;
    ::poll(nullptr, 0, 20);
  }
  return true;
}

}  // namespace

int serve(const config::Settings& settings) {
  hide_from_runs(settings);
  if (auto free = try_port(settings.server_host, settings.server_port, kLockPatience); !free) {
    return complain(free.error());
  }
  auto documents = open_documents(settings);
  if (!documents) return complain(documents.error());
  auto uid = prepare_data_dir(settings);
  if (!uid) return complain(uid.error());
  warn_about_user(*uid);
  if (settings.data_dir.size() > 90) {
    return complain(
        fail(ErrorCode::usage,
             "the path of the data folder is too long for a socket: " + settings.data_dir));
  }
  // Held by the launcher and by the API process, so until the last of them is gone. A predecessor
  // that was killed a moment ago may still be dying: it is waited for, a little.
  const base::Fd lock(::open(DataFolder{settings.data_dir}.lock().c_str(),
                             O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock || !lock_within(lock.get(), kLockPatience)) {
    return complain(fail(ErrorCode::conflict, "the data folder " + settings.data_dir +
                                                  " is in use by another mecapy serve: each has "
                                                  "one of its own; give this one another by "
                                                  "--data-dir (MECAPY_DATA_DIR)"));
  }
  if (works_elsewhere(settings)) {
    if (auto dropped = become(*uid); !dropped) return complain(dropped.error());
  } else if (auto kept = keep_what_a_supervisor_needs(settings); !kept) {
    return complain(kept.error());
  }
  return launch(settings, *uid, std::move(*documents));
}

}  // namespace mecapy::main
