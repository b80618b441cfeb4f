#include "main/process.h"

#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "main/data_folder.h"
#include "sandbox/ground.h"
#include "sandbox/privileges.h"
#include "sandbox/user_ids.h"

namespace mecapy::main {
namespace {

namespace fs = std::filesystem;

// Whether `uid` may use the folder in the way `mode`, asked of the kernel in that user's name.
bool may(const std::string& folder, uid_t uid, int mode) {
  if (::geteuid() != 0) return ::access(folder.c_str(), mode) == 0;
  if (::seteuid(uid) != 0) return false;
  const bool fine = ::faccessat(AT_FDCWD, folder.c_str(), mode, AT_EACCESS) == 0;
  return ::seteuid(0) == 0 && fine;
}

// A folder that root owns is taken over only when it is empty or has been our data folder.
bool is_ours(const std::string& folder) {
  std::error_code ec;
  const DataFolder data{folder};
  return fs::is_empty(folder, ec) || fs::exists(data.database(), ec) ||
         fs::exists(data.tokens(), ec);
}

Result<void> hand_over(const std::string& folder, uid_t uid) {
  std::error_code ec;
  if (::lchown(folder.c_str(), uid, uid) != 0) {
    return fail(ErrorCode::storage, "cannot hand " + folder + " over: " + std::strerror(errno));
  }
  for (const auto& entry : fs::recursive_directory_iterator(folder, ec)) {
    if (::lchown(entry.path().c_str(), uid, uid) != 0) {
      return fail(ErrorCode::storage, "cannot hand " + entry.path().string() + " over");
    }
  }
  return {};
}

}  // namespace

std::string program_folder() {
  std::error_code ec;
  return fs::read_symlink("/proc/self/exe", ec).parent_path().string();
}

int concurrency(const config::Settings& settings) {
  if (settings.worker_concurrency > 0) return static_cast<int>(settings.worker_concurrency);
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

sandbox::Options sandbox_options(const config::Settings& settings) {
  const std::string folder = program_folder();
  sandbox::Options options;
  options.zygote_program = folder + "/mecapy-zygote";
  options.runtime_folder =
      settings.worker_runtime.empty() ? folder + "/runtime" : settings.worker_runtime;
  options.site_packages = settings.worker_site_packages.empty()
                              ? folder + "/venv/lib/python3.11/site-packages"
                              : settings.worker_site_packages;
  options.slots = concurrency(settings);
  options.profile = sandbox::profile_named(settings.worker_profile).value_or(options.profile);
  options.scratch = settings.worker_scratch;
  options.zygote_memory = settings.worker_zygotes_mb << 20;
  options.uid_base = static_cast<std::uint32_t>(settings.worker_uid_base);
  return options;
}

std::vector<std::string> gpu_devices(std::int64_t gpus) {
  if (gpus <= 0) return {};
  std::vector<std::string> devices = {"/dev/nvidiactl", "/dev/nvidia-uvm"};
  for (std::int64_t i = 0; i < gpus; ++i) devices.push_back("/dev/nvidia" + std::to_string(i));
  return devices;
}

Result<uid_t> prepare_data_dir(const config::Settings& settings) {
  const std::string& folder = settings.data_dir;
  std::error_code ec;
  const bool existed = fs::exists(folder, ec);
  fs::create_directories(folder, ec);
  struct stat info {};
  if (ec || ::stat(folder.c_str(), &info) != 0) {
    return fail(ErrorCode::storage, "cannot make the data folder " + folder + ": " + ec.message());
  }
  uid_t uid = ::geteuid();
  if (uid == 0) {
    uid = info.st_uid != 0 ? info.st_uid : static_cast<uid_t>(settings.server_run_as_uid);
    if (info.st_uid == 0) {
      if (!is_ours(folder)) {
        return fail(ErrorCode::usage, "the folder " + folder +
                                          " is in use by something else; give --data-dir a new or "
                                          "an empty folder");
      }
      if (auto done = hand_over(folder, uid); !done) return done.error();
    }
  }
  if (!existed || (info.st_mode & 077) != 0) ::chmod(folder.c_str(), 0700);
  if (!may(folder, uid, R_OK | W_OK | X_OK)) {
    return fail(ErrorCode::usage,
                "the data folder " + folder + " cannot be used by user " + std::to_string(uid) +
                    ", who serves it: a folder above it is closed, or it belongs to somebody else; "
                    "choose another --data-dir");
  }
  return uid;
}

Result<void> can_make_data_dir(const config::Settings& settings) {
  std::error_code ec;
  fs::path above = fs::absolute(settings.data_dir, ec);
  while (above.has_relative_path() && !fs::exists(above, ec)) above = above.parent_path();
  if (!fs::is_directory(above, ec)) {
    return fail(ErrorCode::usage, "cannot be made: " + above.string() + " is not a folder");
  }
  const bool root = ::geteuid() == 0;
  const auto uid = static_cast<uid_t>(settings.server_run_as_uid);
  if (::access(above.c_str(), W_OK | X_OK) != 0 || (root && !may(above.string(), uid, X_OK))) {
    return fail(ErrorCode::usage,
                "cannot be made: " + above.string() + " is closed to " +
                    (root ? "user " + std::to_string(uid) + ", who serves it" : "you") +
                    "; choose another --data-dir");
  }
  return {};
}

std::string doubt_about_user(uid_t uid) {
  const auto owner = sandbox::owner_of(uid);
  if (!owner) return {};
  // An id that somebody chose, by setting or by giving the folder away, may be a user's: it is
  // ours.
  const bool chosen = uid != static_cast<uid_t>(config::Settings().server_run_as_uid);
  const bool ours =
      owner->kind != sandbox::TakenIds::Kind::subordinate && (chosen || owner->name == "mecapy");
  if (ours) return {};
  return "user " + std::to_string(uid) + " serves the data folder, but " + owner->words() +
         ", who can so read every run: set server.run_as_uid to an id of its own, or give the "
         "folder to a user made for it";
}

double memory_of_machine_mb() {
  constexpr double kMib = 1024.0 * 1024.0;
  double least = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
                 static_cast<double>(::sysconf(_SC_PAGESIZE)) / kMib;
  // A container sees its own group at the root. "max", or a number no machine has, is no bound.
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream file(path);
    double bytes = 0;
    if (file >> bytes && bytes > 0) least = std::min(least, bytes / kMib);
  }
  return std::max(least, 0.0);
}

Result<void> become(uid_t uid) {
  if (::geteuid() != 0 || uid == 0) return {};
  const gid_t gid = uid;
  if (::setgroups(0, nullptr) != 0 || ::setresgid(gid, gid, gid) != 0 ||
      ::setresuid(uid, uid, uid) != 0 || ::setuid(0) == 0) {
    return fail(ErrorCode::internal, std::string("cannot give root up: ") + std::strerror(errno));
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return fail(ErrorCode::internal, "no_new_privs was refused");
  }
  ::unsetenv("HOME");  // root's: libraries that look for their files there would only be refused
  return {};
}

void forget_the_caller() {
  for (const config::ClientVariable& variable : config::kClientVariables) {
    ::unsetenv(std::string(variable.name).c_str());
  }
}

void forget_secrets() {
  for (const config::SettingRow& row : config::setting_table()) {
    if (row.secrecy != config::Secrecy::open) ::unsetenv(row.environment().c_str());
  }
  forget_the_caller();
}

Result<void> keep_what_a_supervisor_needs(const config::Settings& settings) {
  if (::geteuid() != 0) return {};
  sandbox::StepFailure step = sandbox::set_no_new_privs();
  if (!step) step = sandbox::keep_supervisor_capabilities(sandbox_options(settings).profile);
  if (!step) return {};
  return fail(ErrorCode::internal, std::string("cannot give up capabilities: ") + step.step + ": " +
                                       std::strerror(step.error));
}

void die_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
}

Result<Pipe> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) {
    return fail(ErrorCode::internal, std::string("no pipe: ") + std::strerror(errno));
  }
  return Pipe{base::Fd(fds[0]), base::Fd(fds[1])};
}

void hide_from_runs(const config::Settings& settings) {
  if (settings.worker_profile == "container") ::prctl(PR_SET_DUMPABLE, 0);
}

void ignore_broken_pipes() { ::signal(SIGPIPE, SIG_IGN); }

void give_memory_back() { ::mallopt(M_MMAP_THRESHOLD, 512 * 1024); }

void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace mecapy::main
