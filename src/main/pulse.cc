#include "main/pulse.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mecapy::main {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kGap{3};  // between two looks: we did not run ourselves

}  // namespace

asio::awaitable<void> keep_pulse(base::Fd pipe) {
  ::fcntl(pipe.get(), F_SETFL, O_NONBLOCK);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (true) {
    // A full pipe is the launcher's to read.
    [[maybe_unused]] const ssize_t written = ::write(pipe.get(), ".", 1);
    timer.expires_after(kPulseEvery);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

void PulseWatch::heard(Time now) {
  patience_ = kLongestSilence;
  quiet_since_ = now;
}

bool PulseWatch::hangs(Time now) {
  if (now - looked_at_ > kGap) quiet_since_ = now;
  looked_at_ = now;
  return now - quiet_since_ > patience_;
}

}  // namespace mecapy::main
