#include "zygote/rehearsal.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "base/fd.h"
#include "sandbox/channel.h"
#include "zygote/interpreter.h"

namespace mecapy::zygote {
namespace {

constexpr std::string_view kInputs = R"({"force": 1000.0, "section": 10, "name": "M12"})";

std::string job;
std::string run_folder;

bool make_folders() {
  if (run_folder.empty()) return true;
  std::error_code failed;
  for (const char* name : {"/work", "/tmp"}) {
    std::filesystem::create_directories(run_folder + name, failed);
  }
  return !failed;
}

void remove_folders() {
  std::error_code ignored;
  if (!run_folder.empty()) std::filesystem::remove_all(run_folder, ignored);
}

// What it prints and answers goes nowhere.
bool arrange(int& channel) {
  const base::Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!null || ::dup2(null.get(), STDOUT_FILENO) < 0) return false;
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
  channel = ends[0];
  return ::write(ends[1], job.data(), job.size()) == static_cast<ssize_t>(job.size());
}

}  // namespace

bool load_rehearsal(const char* runtime, const std::string& folder) {
  run_folder = folder;
  std::ifstream file(std::string(runtime) + "/mecapy/_rehearsal.py");
  const std::string code{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file || code.empty()) return false;
  job = sandbox::encode_job(sandbox::JobKind::calculate, code, kInputs, {});
  return true;
}

bool rehearse_run() {
  int channel = -1;
  const bool done = make_folders() && wake_interpreter(run_folder.c_str()) && arrange(channel) &&
                    enter_run(channel, 1) == 0;
  remove_folders();
  return done;
}

}  // namespace mecapy::zygote
