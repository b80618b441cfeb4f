#include "main/pulse.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

namespace mecapy::main {
namespace {

using std::chrono::seconds;

// A launcher that looks every second.
class Launcher {
 public:
  explicit Launcher(seconds patience) : watch_(now_, patience) {}
  void hear() { watch_.heard(now_); }
  void stand_still(seconds time) { now_ += time; }
  // How many seconds pass until the child is found to hang; `most` when it is not.
  int seconds_until_hang(int most) {
    for (int s = 1; s <= most; ++s) {
      now_ += PulseWatch::kLookEvery;
      if (watch_.hangs(now_)) return s;
    }
    return most;
  }

 private:
  PulseWatch::Time now_{seconds(1000)};
  PulseWatch watch_;
};

TEST(PulseWatch, SilenceAfterTheFirstWordIsAHangAfterTenSeconds) {
  Launcher launcher(seconds(60));
  launcher.hear();
  EXPECT_EQ(launcher.seconds_until_hang(100), 11);
}

TEST(PulseWatch, TheFirstWordHasItsOwnPatience) {
  Launcher launcher(seconds(60));
  EXPECT_EQ(launcher.seconds_until_hang(100), 61);
}

TEST(PulseWatch, EveryBeatGivesTheWholeTimeAgain) {
  Launcher launcher(seconds(60));
  for (int beat = 0; beat < 5; ++beat) {
    launcher.hear();
    EXPECT_EQ(launcher.seconds_until_hang(10), 10);
  }
  EXPECT_EQ(launcher.seconds_until_hang(100), 1);
}

TEST(PulseWatch, TimeInWhichTheLauncherStoodStillDoesNotCount) {
  Launcher launcher(seconds(60));
  launcher.hear();
  EXPECT_EQ(launcher.seconds_until_hang(9), 9);
  launcher.stand_still(seconds(3600));
  // The look after the gap opens a new period.
  EXPECT_EQ(launcher.seconds_until_hang(100), 12);
}

TEST(KeepPulse, AnEventLoopThatTurnsIsHeardEverySecondAndAFullPipeDoesNotHoldItUp) {
  int fds[2];
  ASSERT_EQ(::pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
  const base::Fd near(fds[0]);
  const std::string much(1 << 20, 'x');
  while (::write(fds[1], much.data(), much.size()) > 0) {
  }
  ::fcntl(fds[1], F_SETFL, 0);  // a blocking end, as the launcher makes it
  boost::asio::io_context io;
  boost::asio::co_spawn(io, keep_pulse(base::Fd(fds[1])), boost::asio::detached);
  io.run_one();  // a write that waited would never return
  io.poll();
  std::string text(2 << 20, '\0');
  ASSERT_GT(::read(near.get(), text.data(), text.size()), 0);
  io.run_one_for(seconds(5));
  io.poll();
  EXPECT_EQ(::read(near.get(), text.data(), text.size()), 1);
}

}  // namespace
}  // namespace mecapy::main
