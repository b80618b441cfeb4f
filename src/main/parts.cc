#include "main/parts.h"

#include <spdlog/spdlog.h>

#include <cmath>
#include <string_view>
#include <utility>

#include "auth/oidc.h"
#include "main/data_folder.h"

namespace mecapy::main {
namespace {

// What a part tells when it is away, and when it is there again.
auto tell_of(const char* part) {
  return [part](const std::optional<std::string>& trouble) {
    if (trouble) {
      spdlog::error("{}: {}", part, *trouble);
    } else {
      spdlog::info("{}: there", part);
    }
  };
}

constexpr std::string_view kFile = "file://";

}  // namespace

Result<std::unique_ptr<store::Store>> open_store(const config::Settings& settings,
                                                 std::shared_ptr<const base::Clock> clock) {
  if (!shares_store(settings)) {
    return store::open_sqlite(DataFolder{settings.data_dir}.database(), std::move(clock));
  }
  store::PostgresOptions options;
  options.url = settings.database_url;
  options.connections = static_cast<int>(settings.database_connections);
  options.on_change = tell_of("database");
  return store::open_postgres(std::move(options), std::move(clock));
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
  options.lease = std::chrono::milliseconds(std::llround(settings.dispatcher_lease_s * 1000));
  options.on_change = tell_of("queue");
  return queue::make_redis_queue(std::move(options), capacity, std::move(clock));
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
  options.cancel = std::move(cancel);
  return std::make_unique<feed::Relay>(std::move(executor), feed, std::move(options));
}

bool shares_store(const config::Settings& settings) { return !settings.database_url.empty(); }

}  // namespace mecapy::main
