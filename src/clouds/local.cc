#include "clouds/local.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/fd.h"
#include "base/id.h"

namespace mecapy::clouds {
namespace {

namespace fs = std::filesystem;

bool write_token(const std::string& folder, const std::string& token) {
  std::error_code ec;
  fs::create_directories(folder, ec);
  fs::permissions(folder, fs::perms::owner_all, ec);
  const std::string path = folder + "/token";
  const base::Fd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  const auto size = static_cast<ssize_t>(token.size());
  return file && ::write(file.get(), token.data(), token.size()) == size;
}

constexpr std::size_t kMostFolders = 10'000;

std::optional<base::TimePoint> made(const fs::directory_entry& entry) {
  struct stat about {};
  if (::lstat(entry.path().c_str(), &about) != 0) return std::nullopt;
  return base::TimePoint(std::chrono::seconds(about.st_mtim.tv_sec));
}

class LocalPlacer final : public Placer {
 public:
  LocalPlacer(LocalOptions options, Processes& processes)
      : options_(std::move(options)), processes_(processes), offers_(local_offers(options_)) {}

  std::string_view name() const override { return "local"; }
  const std::vector<Offer>& offers() const override { return offers_; }

  awaitable<Answer<Done>> place(Order order, Save save, base::Deadline) override {
    if (!co_await save("process")) co_return Refusal{Trouble::passing, "it could not be noted"};
    if (order.gpus > 0 && processes_.runs(has_gpus_).value_or(false)) {
      co_return Refusal{Trouble::out_of_stock, "another run has the graphics processors"};
    }
    if (!write_token(folder_of(order.machine), order.token)) {
      co_return Refusal{Trouble::refused,
                        "its folder could not be made: " + std::string(std::strerror(errno))};
    }
    if (!processes_.start(order.machine, order.gpus > 0)) {
      co_return Refusal{Trouble::passing, "no process could be started"};
    }
    if (order.gpus > 0) has_gpus_ = order.machine;
    co_return Done{};
  }

  awaitable<Answer<Sight>> look(std::string machine, std::string, base::Deadline) override {
    const auto runs = processes_.runs(machine);
    if (!runs) co_return Sight{Phase::absent, "its process is gone", {}};
    co_return Sight{*runs ? Phase::running : Phase::over, *runs ? "running" : "it has ended", {}};
  }

  awaitable<Answer<bool>> destroy(std::string machine, std::string, base::Deadline) override {
    if (processes_.runs(machine).value_or(false)) {
      processes_.end(machine);
      co_return false;
    }
    std::error_code ec;
    if (base::is_uuid(machine)) fs::remove_all(folder_of(machine), ec);
    if (ec) co_return Refusal{Trouble::passing, "its folder: " + ec.message()};
    co_return true;
  }

  // A folder is there from before its process is started until after that has ended, also when who
  // started it died.
  awaitable<Answer<std::vector<Found>>> list(base::Deadline) override {
    std::vector<Found> found;
    std::error_code ec;
    for (fs::directory_iterator it(options_.folder, ec), end; !ec && it != end; it.increment(ec)) {
      const std::string machine = it->path().filename().string();
      if (!base::is_uuid(machine) || found.size() >= kMostFolders) continue;
      const bool runs = processes_.runs(machine).value_or(false);
      found.push_back({machine, "folder", machine, "", runs ? "its process runs" : "", made(*it)});
    }
    std::error_code none;
    for (const std::string& machine : processes_.all()) {
      if (!fs::exists(folder_of(machine), none)) {
        found.push_back({machine, "process", machine, "", "it has no folder any more", {}});
      }
    }
    if (ec && ec != std::errc::no_such_file_or_directory) {
      co_return Refusal{Trouble::refused, options_.folder + ": " + ec.message()};
    }
    co_return found;
  }

  awaitable<Answer<bool>> remove(Found part, base::Deadline deadline) override {
    co_return co_await destroy(std::move(part.machine), "", deadline);
  }

 private:
  std::string folder_of(const std::string& machine) const {
    return options_.folder + "/" + machine;
  }

  LocalOptions options_;
  Processes& processes_;
  std::vector<Offer> offers_;
  std::string has_gpus_;  // the machine that was given them last
};

}  // namespace

std::vector<Offer> local_offers(const LocalOptions& options) {
  std::vector<Offer> offers = {{"process", "", options.cpus, options.memory_mb, 0}};
  if (options.gpus > 0) {
    offers.push_back({"process with GPUs", "", options.cpus, options.memory_mb, options.gpus});
  }
  return offers;
}

std::unique_ptr<Placer> make_local(LocalOptions options, Processes& processes) {
  return std::make_unique<LocalPlacer>(std::move(options), processes);
}

}  // namespace mecapy::clouds
