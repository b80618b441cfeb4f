#include "api/waiting.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

namespace mecapy::api {

using namespace boost::asio::experimental::awaitable_operators;

namespace {

// How often a waiting request looks into the store by itself, should the feed have told it nothing.
constexpr std::chrono::seconds kLook{2};

awaitable<Result<model::Run>> watch(Api& api, model::Run run, feed::Channel& channel,
                                    base::Deadline deadline) {
  while (!model::is_end(run.status) && std::chrono::steady_clock::now() < deadline) {
    const base::Deadline look = std::min(deadline, base::after(kLook));
    while (!model::is_end(channel.state().status) && std::chrono::steady_clock::now() < look) {
      co_await channel.changed(channel.state().version, look);
    }
    auto now = co_await Routes::parts(api).store.get_run(run.user, run.id);
    if (!now) co_return now.error();
    run = std::move(*now);
  }
  co_return run;
}

}  // namespace

awaitable<Result<model::Run>> wait_for_end(Api& api, Call& call, model::Run run,
                                           feed::Channel& channel, std::chrono::milliseconds wait) {
  if (model::is_end(run.status) || wait.count() == 0) co_return run;
  Result<model::Run> seen = run;
  const auto watching = [&]() -> awaitable<void> {
    seen = co_await watch(api, std::move(run), channel, base::after(wait));
  };
  co_await (watching() || call.exchange.wait_hangup());
  co_return seen;
}

}  // namespace mecapy::api
