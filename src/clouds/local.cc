#include "clouds/local.h"

#include <fcntl.h>
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

class LocalPlacer final : public Placer {
 public:
  LocalPlacer(LocalOptions options, Processes& processes)
      : options_(std::move(options)),
        processes_(processes),
        offers_{{"process", "", options_.cpus, options_.memory_mb, 0}} {}

  std::string_view name() const override { return "local"; }
  const std::vector<Offer>& offers() const override { return offers_; }

  awaitable<Answer<Done>> place(Order order, Save save, base::Deadline) override {
    if (!co_await save("process")) co_return Refusal{Trouble::passing, "it could not be noted"};
    if (!write_token(folder_of(order.machine), order.token)) {
      co_return Refusal{Trouble::refused,
                        "its folder could not be made: " + std::string(std::strerror(errno))};
    }
    if (!processes_.start(order.machine)) {
      co_return Refusal{Trouble::passing, "no process could be started"};
    }
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
    co_return !ec;
  }

  awaitable<Answer<std::vector<Found>>> list(base::Deadline) override {
    std::vector<Found> found;
    for (const std::string& machine : processes_.all()) {
      found.push_back({machine, "process", machine, "", "running", {}});
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
};

}  // namespace

std::unique_ptr<Placer> make_local(LocalOptions options, Processes& processes) {
  return std::make_unique<LocalPlacer>(std::move(options), processes);
}

}  // namespace mecapy::clouds
