#include "main/long_path.h"

#include <cmath>
#include <sstream>
#include <utility>

#include "clouds/local.h"
#include "main/data_folder.h"
#include "main/parts.h"
#include "net/http_client.h"

namespace mecapy::main {
namespace {

namespace asio = boost::asio;
using boost::asio::awaitable;

std::chrono::seconds seconds(double s) { return std::chrono::seconds(std::llround(s)); }

std::vector<std::string> names(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> found;
  for (std::string name; in >> name;) found.push_back(name);
  return found;
}

}  // namespace

Result<void> LongPath::check(const config::Settings& settings) {
  for (const std::string& name : names(settings.machines_placers)) {
    if (name != "local") {
      return fail(ErrorCode::usage,
                  "machines.placers: there is no placer " + name + ": there is local");
    }
    if (!settings.worker_url.empty()) {
      return fail(ErrorCode::usage,
                  "machines.placers: local starts workers here, and with worker.url nothing here "
                  "may: take one of them away");
    }
  }
  if (settings.machines_home_url.empty()) return {};
  return net::check_url(settings.machines_home_url);
}

LongPath::LongPath(asio::io_context& io, const config::Settings& settings, Parts parts,
                   base::Fd channel, std::string keeper)
    : io_(io),
      settings_(settings),
      parts_(parts),
      processes_(io, std::move(channel)),
      keeper_name_(std::move(keeper)),
      home_(parts.store, parts.objects, parts.feed,
            {seconds(settings.machines_lease_s), [this] { wake(); }}) {
  for (const std::string& name : names(settings.machines_placers)) {
    if (name == "local") {
      placers_.push_back(clouds::make_local(
          {DataFolder{settings.data_dir}.machines(), static_cast<int>(settings.machines_local_cpus),
           settings.machines_local_memory_mb},
          processes_));
    }
  }
  processes_.on_end([this] {
    if (keeper_) keeper_->look_at_once();
  });
}

awaitable<Result<void>> LongPath::start(int port) {
  machines::Options options;
  options.keeper = keeper_name_;
  options.owns_store = !shares_store(settings_);
  options.home_url = settings_.machines_home_url.empty() ? local_home(settings_, port)
                                                         : settings_.machines_home_url;
  options.capacity = static_cast<int>(settings_.machines_capacity);
  options.tries = static_cast<int>(settings_.machines_tries);
  options.boot = seconds(settings_.machines_boot_s);
  options.lease = seconds(settings_.machines_lease_s);
  options.max_attempts = static_cast<int>(settings_.dispatcher_max_attempts);
  options.backoff = std::chrono::milliseconds(settings_.dispatcher_backoff_ms);
  options.backoff_max = std::max(options.backoff, options.backoff_max);
  std::vector<clouds::Placer*> placers;
  for (const auto& placer : placers_) placers.push_back(placer.get());
  keeper_ = std::make_unique<machines::Keeper>(io_, parts_.store, parts_.feed, std::move(placers),
                                               std::move(options));
  co_return co_await keeper_->start();
}

void LongPath::wake() {
  if (keeper_) keeper_->wake();
}

awaitable<void> LongPath::drain(base::Deadline deadline) {
  if (keeper_) co_await keeper_->drain(deadline);
}

}  // namespace mecapy::main
