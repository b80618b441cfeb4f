#include "main/parts.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <iterator>
#include <string_view>
#include <utility>

#include "auth/oidc.h"
#include "backends/addresses.h"
#include "base/log.h"
#include "main/data_folder.h"
#include "main/placer_table.h"
#include "main/process.h"

namespace mecapy::main {
namespace {

// What a part tells when it is away, and when it is there again; nothing when it is there at first.
auto tell_of(const char* part) {
  const auto was_away = std::make_shared<std::atomic<bool>>(false);
  return [part, was_away](const std::optional<std::string>& trouble) {
    const bool before = was_away->exchange(trouble.has_value());
    if (trouble) {
      base::log_error("a part is away", {{"part", part}, {"error", *trouble}});
    } else if (before) {
      base::log_info("a part is there again", {{"part", part}});
    }
  };
}

constexpr std::string_view kFile = "file://";

// Of a call to a worker elsewhere, what is not the calculation's: a start, waiting for a slot,
// inputs, artifacts; seconds.
constexpr double kAroundRun = 30;

constexpr std::size_t kCacheBytes = 16 << 20;

// Before another attempt finds another worker, where there are several.
constexpr std::chrono::seconds kTryAnother{2};

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

// Whether the worker there reads and writes the same objects as far as settings can tell: a folder
// of ours is nobody else's, and one that is named is, at most, of another worker on this machine.
Result<void> shares_objects(const std::string& worker, const config::Settings& settings) {
  const std::string& objects = settings.objects_url;
  const bool on_this_machine = worker.starts_with("http://");  // which goes to loopback only
  if (objects.starts_with("s3://") || (on_this_machine && objects.starts_with(kFile))) return {};
  return fail(
      ErrorCode::usage,
      "worker.url sends runs to " + worker + ", which needs the objects of objects.url (" +
          (objects.empty() ? "not set" : objects) + "): set it to s3://BUCKET" +
          (on_this_machine ? ", or to file:///FOLDER when the worker has the same folder," : "") +
          " here and at the worker");
}

}  // namespace

Result<std::unique_ptr<store::Store>> open_store(const config::Settings& settings,
                                                 store::CostRules costs,
                                                 std::shared_ptr<const base::Clock> clock,
                                                 std::function<void()> on_migration) {
  if (!shares_store(settings)) {
    return store::open_sqlite(DataFolder{settings.data_dir}.database(), std::move(clock),
                              on_migration, std::move(costs));
  }
  store::PostgresOptions options;
  options.url = settings.database_url;
  options.connections = static_cast<int>(settings.database_connections);
  options.on_change = tell_of("database");
  options.on_migration = std::move(on_migration);
  options.costs = std::move(costs);
  return store::open_postgres(std::move(options));
}

Result<std::unique_ptr<objects::ObjectStore>> open_objects(const config::Settings& settings) {
  const std::string& url = settings.objects_url;
  if (url.empty()) return objects::open_folder(DataFolder{settings.data_dir}.objects());
  if (url.starts_with(kFile) && url.size() > kFile.size() && url[kFile.size()] == '/') {
    return objects::open_folder(url.substr(kFile.size()));
  }
  objects::S3Options options;
  options.url = url;
  options.access_key = settings.objects_access_key;
  options.secret_key = settings.objects_secret_key;
  options.spool_folder = settings.data_dir;
  return objects::open_s3(std::move(options));
}

Result<std::unique_ptr<queue::Queue>> open_queue(const config::Settings& settings,
                                                 const std::string& consumer,
                                                 std::shared_ptr<const base::Clock> clock) {
  const auto capacity = static_cast<std::size_t>(settings.queue_capacity);
  if (settings.redis_url.empty()) return queue::make_memory_queue(capacity, std::move(clock));
  auto address = redis::parse_address(settings.redis_url);
  if (!address) return address.error();
  queue::RedisOptions options;
  options.address = std::move(*address);
  options.consumer = consumer;
  options.lease = milliseconds(settings.dispatcher_lease_s);
  options.on_change = tell_of("queue");
  return queue::make_redis_queue(std::move(options), capacity, std::move(clock));
}

std::unique_ptr<cache::Cache> open_cache(const config::Settings& settings,
                                         boost::asio::any_io_executor executor,
                                         std::shared_ptr<const base::Clock> clock) {
  if (settings.redis_url.empty()) return cache::make_memory_cache(kCacheBytes, std::move(clock));
  cache::RedisCacheOptions options;
  options.address = redis::parse_address(settings.redis_url).value();  // as open_queue found it
  return std::make_unique<cache::SealedCache>(
      cache::make_redis_cache(std::move(executor), std::move(options)));
}

Result<std::unique_ptr<auth::Authenticator>> open_authenticator(
    const config::Settings& settings, const std::string& local_token,
    std::shared_ptr<const base::Clock> clock) {
  if (settings.oidc_issuer.empty()) {
    return auth::make_token_authenticator({local_token, DataFolder{settings.data_dir}.tokens()});
  }
  auth::OidcOptions options;
  options.expected.issuer = settings.oidc_issuer;
  options.expected.audience = settings.oidc_audience;
  options.expected.admin_role = settings.oidc_admin_role;
  options.expected.skew = std::chrono::seconds(settings.oidc_skew_s);
  options.ca = settings.oidc_ca;
  return auth::make_oidc_authenticator(std::move(options), std::move(clock));
}

std::unique_ptr<feed::Relay> share_feed(const config::Settings& settings,
                                        boost::asio::any_io_executor executor, feed::Feed& feed,
                                        const std::string& origin,
                                        std::function<void(const model::RunId&)> cancel) {
  if (settings.redis_url.empty()) return nullptr;
  feed::RelayOptions options;
  options.address = redis::parse_address(settings.redis_url).value();  // as open_queue found it
  options.origin = origin;
  options.most_log = static_cast<std::size_t>(settings.ceilings.log_kb * 1024);
  options.cancel = std::move(cancel);
  return std::make_unique<feed::Relay>(std::move(executor), feed, std::move(options));
}

Result<std::vector<std::unique_ptr<backends::Backend>>> open_backends(
    const config::Settings& settings, objects::ObjectStore& objects) {
  std::vector<std::unique_ptr<backends::Backend>> opened;
  if (!works_elsewhere(settings)) {
    const DataFolder folder{settings.data_dir};
    opened.push_back(backends::make_local({folder.socket(), concurrency(settings)}));
    return opened;
  }
  auto addresses = backends::parse_addresses(settings.worker_url);
  if (!addresses) return addresses.error();
  for (backends::Address& address : *addresses) {
    if (auto shared = shares_objects(address.url, settings); !shared) return shared.error();
    backends::ServerlessOptions options;
    options.url = std::move(address.url);
    options.capacity = address.capacity;
    options.contract = address.contract;
    options.token = settings.worker_token;
    options.ca = settings.worker_ca;
    options.timeout = milliseconds(settings.worker_timeout_s);
    if (addresses->size() > 1) options.patience = kTryAnother;
    options.inline_limit = settings.objects_inline_limit;
    options.max_result = std::llround(settings.ceilings.result_mb * (1 << 20));
    opened.push_back(backends::make_serverless(std::move(options), objects));
  }
  if (opened.empty()) return fail(ErrorCode::usage, "worker.url names no worker");
  return opened;
}

bool works_elsewhere(const config::Settings& settings) { return !settings.worker_url.empty(); }

bool makes_machines(const config::Settings& settings) {
  return settings.machines_placers.find_first_not_of(' ') != std::string::npos;
}

model::Limits short_ceilings(const config::Settings& settings) {
  model::Limits ceilings = settings.ceilings;
  ceilings.gpus = 0;  // several runs share its worker
  if (works_elsewhere(settings)) {
    ceilings.timeout_s = std::min(ceilings.timeout_s, settings.worker_timeout_s - kAroundRun);
  }
  return ceilings;
}

std::vector<clouds::Offer> machine_offers(const config::Settings& settings) {
  std::vector<clouds::Offer> offers;
  for (const std::string& name : placer_names(settings.machines_placers)) {
    const PlacerRow* const row = find_placer(name);
    if (row != nullptr) std::ranges::copy(row->offers(settings), std::back_inserter(offers));
  }
  return offers;
}

model::Limits machine_ceilings(const config::Settings& settings) {
  model::Limits ceilings = settings.ceilings;
  ceilings.timeout_s = settings.machines_max_timeout_s;
  ceilings.cpus = ceilings.memory_mb = ceilings.gpus = 0;
  for (const clouds::Offer& offer : machine_offers(settings)) {
    ceilings.cpus = std::max(ceilings.cpus, static_cast<double>(offer.cpus));
    ceilings.memory_mb = std::max(ceilings.memory_mb, static_cast<double>(offer.memory_mb));
    ceilings.gpus = std::max(ceilings.gpus, static_cast<double>(offer.gpus));
  }
  ceilings.cpu_s = ceilings.timeout_s * ceilings.cpus;
  return ceilings;
}

model::Limits ceilings(const config::Settings& settings) {
  model::Limits most = short_ceilings(settings);
  if (!makes_machines(settings)) return most;
  const model::Limits there = machine_ceilings(settings);
  for (const model::LimitRow& row : model::limit_table()) {
    most.*row.field = std::max(most.*row.field, there.*row.field);
  }
  return most;
}

store::CostRules cost_rules(const config::Settings& settings, model::Pricing price) {
  return {std::move(price), settings.objects_url.starts_with("s3://")};
}

bool shares_store(const config::Settings& settings) { return !settings.database_url.empty(); }

retry::Policy retry_policy(const config::Settings& settings) {
  retry::Policy policy;
  policy.max_attempts = static_cast<int>(settings.dispatcher_max_attempts);
  policy.backoff = std::chrono::milliseconds(settings.dispatcher_backoff_ms);
  policy.backoff_max = std::max(policy.backoff, policy.backoff_max);
  return policy;
}

}  // namespace mecapy::main
