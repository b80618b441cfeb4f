// What attempts save while they run: each is written down, in order, before what comes of the
// attempt.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "base/log.h"
#include "dispatcher/active.h"

namespace mecapy::dispatcher {

namespace asio = boost::asio;

void Dispatcher::saved(const std::shared_ptr<Active>& active) {
  if (active->keeping) return;
  ++loops_;
  asio::co_spawn(io_, keep_saved(active), [this](std::exception_ptr e) {
    --loops_;
    slot_freed();
    if (e) base::log_error("checkpoints were kept with an unexpected exception");
  });
}

awaitable<void> Dispatcher::keep_saved(std::shared_ptr<Active> active) {
  while (active->keeping) {  // by another one, who is waited for
    boost::system::error_code ec;
    co_await active->kept.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
  struct Keeping {
    explicit Keeping(Active& active) : active(active) { active.keeping = true; }
    ~Keeping() {
      active.keeping = false;
      active.kept.cancel();
    }
    Keeping(const Keeping&) = delete;
    Keeping& operator=(const Keeping&) = delete;
    Active& active;
  };
  const Keeping keeping(*active);
  while (!active->unkept.empty()) {
    const model::Checkpoint next = active->unkept.front();
    active->unkept.pop_front();
    const store::Lease lease{active->run, active->attempt};
    const bool anew = next.attempt == 0;
    auto done = anew ? co_await parts_.store.drop_checkpoint(lease)
                     : co_await parts_.store.keep_checkpoint(lease, next);
    if (!done) {
      base::log_warn("a checkpoint could not be written down",
                     {{"run", active->run.str()}, {"error", done.error().message}});
      continue;
    }
    active->checkpoint_key = anew ? "" : model::checkpoint_key(active->run.str(), next);
    if (*done) parts_.forget(std::move(**done));
  }
}

}  // namespace mecapy::dispatcher
