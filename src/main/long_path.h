// The long path: runs that get a machine of their own. It is there when machines.placers names
// somebody, or something of it is left.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "clouds/placer.h"
#include "config/settings.h"
#include "cost/prices.h"
#include "feed/feed.h"
#include "home/home.h"
#include "machines/keeper.h"
#include "machines/reaper.h"
#include "main/home_workers.h"
#include "metrics/metrics.h"
#include "objects/objects.h"
#include "store/store.h"

namespace mecapy::main {

class LongPath {
 public:
  struct Parts {
    store::Store& store;
    objects::ObjectStore& objects;
    feed::Feed& feed;
    std::shared_ptr<const base::Clock> clock;
  };
  // `channel`: to who starts workers on this machine; `keeper` is unique to this process.
  LongPath(boost::asio::io_context& io, const config::Settings& settings, Parts parts,
           base::Fd channel, std::string keeper);

  // usage for what it could not be made with.
  static Result<void> check(const config::Settings& settings);

  // Once the server listens on `port`.
  boost::asio::awaitable<Result<void>> start(int port);
  // What of machines nobody here takes care of, by what has to be done about it; "" when there is
  // nothing.
  std::string trouble() const;
  void wake();
  boost::asio::awaitable<void> drain(base::Deadline deadline);
  home::Home& home() { return home_; }
  // What is told of machines, once start() has ended well.
  void figures(metrics::Figures& figures) const;

 private:
  std::vector<clouds::Placer*> placers() const;
  machines::Options keeper_options(int port) const;
  void start_reaper();

  boost::asio::io_context& io_;
  const config::Settings& settings_;
  Parts parts_;
  HomeProcesses processes_;
  std::vector<std::unique_ptr<clouds::Placer>> placers_;
  std::string keeper_name_;
  cost::Prices prices_;
  std::unique_ptr<machines::Keeper> keeper_;
  std::unique_ptr<machines::Reaper> reaper_;
  home::Home home_;
};

}  // namespace mecapy::main
