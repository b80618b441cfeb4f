// The parts that settings choose: embedded ones, or the services in their place.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "auth/auth.h"
#include "backends/backend.h"
#include "base/clock.h"
#include "base/result.h"
#include "cache/cache.h"
#include "clouds/placer.h"
#include "config/settings.h"
#include "feed/relay.h"
#include "objects/objects.h"
#include "queue/queue.h"
#include "retry/retry.h"
#include "store/store.h"

namespace mecapy::main {

// The database at database.url, or a file in the data folder. `on_migration` as of
// store::open_sqlite.
Result<std::unique_ptr<store::Store>> open_store(const config::Settings& settings,
                                                 store::CostRules costs,
                                                 std::shared_ptr<const base::Clock> clock,
                                                 std::function<void()> on_migration);

// The bucket or folder at objects.url, or a folder in the data folder.
Result<std::unique_ptr<objects::ObjectStore>> open_objects(const config::Settings& settings);

// The queue at redis.url, or one in memory. `consumer` is unique to this process.
Result<std::unique_ptr<queue::Queue>> open_queue(const config::Settings& settings,
                                                 const std::string& consumer,
                                                 std::shared_ptr<const base::Clock> clock);

// A cache at redis.url, or one in memory.
std::unique_ptr<cache::Cache> open_cache(const config::Settings& settings,
                                         boost::asio::any_io_executor executor,
                                         std::shared_ptr<const base::Clock> clock);

// Callers as oidc.issuer vouches for them, or `local_token` and those of the data folder.
Result<std::unique_ptr<auth::Authenticator>> open_authenticator(
    const config::Settings& settings, const std::string& local_token,
    std::shared_ptr<const base::Clock> clock);

// Joins the feed to that of the other processes at redis.url; nothing without one. `origin` is
// unique to this process; `cancel` stops an attempt that runs here.
std::unique_ptr<feed::Relay> share_feed(const config::Settings& settings,
                                        boost::asio::any_io_executor executor, feed::Feed& feed,
                                        const std::string& origin,
                                        std::function<void(const model::RunId&)> cancel);

// The worker of this machine, or those at worker.url, which read and write `objects`. usage for
// wrong addresses, and where workers and this process do not share objects.
Result<std::vector<std::unique_ptr<backends::Backend>>> open_backends(
    const config::Settings& settings, objects::ObjectStore& objects);

// Whether runs go to workers elsewhere, and none is started here.
bool works_elsewhere(const config::Settings& settings);
// Whether machines are made for runs that are long or large.
bool makes_machines(const config::Settings& settings);
// What the placers of machines.placers offer, in their order.
std::vector<clouds::Offer> machine_offers(const config::Settings& settings);
// The most that a run may have at a worker that takes many; on a machine of its own; anywhere.
model::Limits short_ceilings(const config::Settings& settings);
model::Limits machine_ceilings(const config::Settings& settings);
model::Limits ceilings(const config::Settings& settings);

// How often a run is tried that the platform failed, whichever way it goes.
retry::Policy retry_policy(const config::Settings& settings);

// By what costs are kept: `price`, and whether a bucket keeps the objects.
store::CostRules cost_rules(const config::Settings& settings, model::Pricing price);

// Whether other processes may claim in the same database.
bool shares_store(const config::Settings& settings);

}  // namespace mecapy::main
