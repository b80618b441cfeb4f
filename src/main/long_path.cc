#include "main/long_path.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "base/log.h"
#include "main/machine_figures.h"
#include "main/parts.h"
#include "main/placers.h"
#include "model/bounds.h"
#include "net/http_client.h"

namespace mecapy::main {
namespace {

namespace asio = boost::asio;
using boost::asio::awaitable;

constexpr std::size_t kLongestName = 32;

std::chrono::seconds seconds(double s) { return std::chrono::seconds(std::llround(s)); }
std::chrono::milliseconds ms(double s) { return std::chrono::milliseconds(std::llround(s * 1000)); }

std::int64_t bytes(double mb) { return std::llround(mb * (1 << 20)); }

home::Options home_options(const config::Settings& settings, std::function<void()> on_end) {
  const model::Limits most = machine_ceilings(settings);
  home::Options options;
  options.lease = seconds(settings.machines_lease_s);
  options.link_from = bytes(settings.objects_link_mb);
  options.most_checkpoint = bytes(most.checkpoint_mb);
  options.most_bytes = bytes(most.result_mb) + bytes(most.log_kb / 1024) + bytes(most.artifacts_mb);
  options.most_log = model::most_log(most);
  options.most_result = static_cast<std::size_t>(bytes(most.result_mb));
  options.on_end = std::move(on_end);
  options.retry = retry_policy(settings);
  return options;
}

}  // namespace

Result<void> LongPath::check(const config::Settings& settings) {
  if (auto fine = check_placers(settings); !fine) return fine;
  const std::string& name = settings.machines_installation;
  const bool word =
      name.size() <= kLongestName &&
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (!word) {
    return fail(ErrorCode::usage,
                "machines.installation: at most 32 small letters, digits and '-'");
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
      home_(parts.store, parts.objects, parts.feed, home_options(settings, [this] { wake(); })) {
  processes_.on_end([this] {
    if (keeper_) keeper_->look_at_once();
  });
}

awaitable<Result<void>> LongPath::start(int port) {
  auto prices = cost::load_prices(settings_.cost_prices);
  if (!prices) co_return prices.error();
  prices_ = std::move(*prices);
  auto installation = co_await parts_.store.installation(settings_.machines_installation);
  if (!installation) co_return installation.error();
  if (makes_machines(settings_)) {
    base::log_info("machines are made",
                   {{"placers", settings_.machines_placers}, {"installation", *installation}});
  }
  placers_ = open_placers(settings_, *installation, &processes_);
  keeper_ = std::make_unique<machines::Keeper>(io_, parts_.store, parts_.feed, placers(),
                                               keeper_options(port));
  auto started = co_await keeper_->start();
  if (!started) co_return started.error();
  start_reaper();
  if (const std::string wrong = trouble(); !wrong.empty()) {
    base::log_error("machines are left that nobody here takes away", {{"error", wrong}});
  }
  co_return Result<void>{};
}

std::string LongPath::trouble() const {
  if (!keeper_) return "";
  std::map<std::string, std::size_t> retired;
  for (const model::Machine& machine : keeper_->left()) {
    if (is_retired(settings_, machine.placer)) ++retired[machine.placer];
  }
  std::string wrong;
  for (const auto& [placer, machines] : retired) {
    wrong += (wrong.empty() ? "" : "; ") + std::to_string(machines) + " of " + placer +
             (machines == 1 ? " is left: " : " are left: ") + advice_of_retired(placer);
  }
  if (keeper_->wanted() > 0 && !makes_machines(settings_)) {
    wrong += (wrong.empty() ? "" : "; ") + advice_of_waiting(keeper_->wanted());
  }
  return wrong;
}

void LongPath::start_reaper() {
  std::vector<machines::Reaper::Ward> wards;
  for (clouds::Placer* placer : placers()) wards.push_back({placer, ward_name(placer->name())});
  machines::ReaperOptions options;
  options.keeper = keeper_name_;
  options.every = ms(settings_.machines_reap_s);
  // Who is killed at it keeps others from it for as long as a list might have taken.
  options.pass = std::min(options.pass, options.every * 4 / 5);
  options.call = std::min(options.call, seconds(settings_.machines_reap_s + 1));
  options.grace = seconds(settings_.machines_reap_grace_s);
  reaper_ = std::make_unique<machines::Reaper>(io_, parts_.store, std::move(wards), parts_.clock,
                                               std::move(options));
  reaper_->start();
}

void LongPath::figures(metrics::Figures& figures) const {
  figures_of_machines(*keeper_, *reaper_, parts_.clock->now(), prices_, figures);
}

std::vector<clouds::Placer*> LongPath::placers() const {
  std::vector<clouds::Placer*> all;
  for (const auto& placer : placers_) all.push_back(placer.get());
  return all;
}

machines::Options LongPath::keeper_options(int port) const {
  machines::Options options({.capacity = static_cast<int>(settings_.machines_capacity),
                             .tries = static_cast<int>(settings_.machines_tries),
                             .boot = seconds(settings_.machines_boot_s),
                             .lease = seconds(settings_.machines_lease_s),
                             .care = seconds(settings_.machines_care_s)});
  options.keeper = keeper_name_;
  options.owns_store = !shares_store(settings_);
  options.home_url = settings_.machines_home_url.empty() ? local_home(settings_, port)
                                                         : settings_.machines_home_url;
  options.retry = retry_policy(settings_);
  return options;
}

void LongPath::wake() {
  if (keeper_) keeper_->wake();
}

awaitable<void> LongPath::drain(base::Deadline deadline) {
  if (reaper_) co_await reaper_->drain(deadline);
  if (keeper_) co_await keeper_->drain(deadline);
}

}  // namespace mecapy::main
