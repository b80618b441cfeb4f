// The one run of a worker that calls home: takes it, runs it, tells of it as it goes, and leaves.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>

#include "worker/home_calls.h"
#include "worker/runner.h"

namespace mecapy::worker {

// What became of a visit.
enum class Visit : std::uint8_t {
  told,  // home has the end
  none,  // home had no run for it
  lost,  // the run is another attempt's by now; what it calculated is thrown away
  away,  // home could not be reached for as long as it is waited for
  left,  // its machine was ended; who made the machine tells home why
};

class HomeVisit final : public Sink {
 public:
  HomeVisit(boost::asio::io_context& io, HomeCalls& calls, Runner& runner);

  awaitable<Visit> run();
  // The machine is about to end: the run stops, and home is told that it was lost. After
  // stop_quietly() it is told nothing. A run that had come to its end by then is told as it ended.
  void interrupt();
  // Who made this machine knows why it ends (a time limit, a lost node), and home hears it from
  // there. What ended the worker may have been sent to its run as well.
  void stop_quietly() { quiet_ = true; }

  void started() override {}
  void log(std::string_view text) override;
  void progress(std::string_view json) override;
  void checkpoint(const model::Checkpoint& checkpoint) override;
  void anew() override;

 private:
  awaitable<Result<Attempt>> take();
  awaitable<void> tell();
  // One message: what home has not heard, and `end` behind it. Whether the visit goes on.
  awaitable<bool> say(const std::string& end);
  awaitable<bool> left_quietly(const model::RunEnd& end);
  awaitable<void> news_or(std::chrono::milliseconds longest);

  boost::asio::io_context& io_;
  HomeCalls& calls_;
  Runner& runner_;
  Runner::Stop stop_;
  std::string log_;
  std::size_t heard_ = 0;  // bytes of it that home has
  std::string progress_;   // "" when home has the latest
  std::string saved_;      // lines of checkpoints that home has not heard
  bool over_ = false;      // the calculation is
  bool interrupted_ = false;
  bool quiet_ = false;
  std::chrono::milliseconds lease_{30'000};
  Visit became_ = Visit::told;
  boost::asio::steady_timer news_;
};

}  // namespace mecapy::worker
