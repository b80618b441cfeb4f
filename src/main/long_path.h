// The long path: runs that get a machine of their own. It is there when machines.placers names
// somebody.
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
#include "feed/feed.h"
#include "home/home.h"
#include "machines/keeper.h"
#include "main/home_workers.h"
#include "objects/objects.h"
#include "store/store.h"

namespace mecapy::main {

class LongPath {
 public:
  struct Parts {
    store::Store& store;
    objects::ObjectStore& objects;
    feed::Feed& feed;
  };
  // `channel`: to who starts workers on this machine; `keeper` is unique to this process.
  LongPath(boost::asio::io_context& io, const config::Settings& settings, Parts parts,
           base::Fd channel, std::string keeper);

  // usage for a placer that is none.
  static Result<void> check(const config::Settings& settings);

  // Once the server listens on `port`.
  boost::asio::awaitable<Result<void>> start(int port);
  void wake();
  boost::asio::awaitable<void> drain(base::Deadline deadline);
  home::Home& home() { return home_; }

 private:
  boost::asio::io_context& io_;
  const config::Settings& settings_;
  Parts parts_;
  HomeProcesses processes_;
  std::vector<std::unique_ptr<clouds::Placer>> placers_;
  std::string keeper_name_;
  std::unique_ptr<machines::Keeper> keeper_;
  home::Home home_;
};

}  // namespace mecapy::main
