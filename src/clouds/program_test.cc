#include "clouds/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/test_await.h"
#include "base/test_folder.h"

namespace mecapy::clouds {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Result<Ran> run(Program program, std::chrono::steady_clock::duration within = seconds(20)) {
  return base::await(run_program(std::move(program), base::after(within)));
}

Program shell(const std::string& text) { return {{"/bin/sh", "-c", text}, {}, 1 << 20}; }

TEST(Program, WhatItSaysAndItsStatusComeBack) {
  const auto ran = run(shell("echo out; echo err >&2; exit 3"));
  ASSERT_TRUE(ran);
  EXPECT_EQ(ran->status, 3);
  EXPECT_EQ(ran->out, "out\n");
  EXPECT_EQ(ran->err, "err\n");
  EXPECT_TRUE(ran->whole);
}

TEST(Program, WordsAreNoShells) {
  const auto ran = run({{"/usr/bin/printf", "%s|", "$(id)", "a b", ";"}, {}, 100});
  ASSERT_TRUE(ran);
  EXPECT_EQ(ran->out, "$(id)|a b|;|");
}

TEST(Program, ItInheritsNothing) {
  ::setenv("MECAPY_TEST_SECRET", "s3cret", 1);
  const base::Fd open(::open("/dev/null", O_RDONLY));  // not to be closed by exec
  ::signal(SIGPIPE, SIG_IGN);
  auto ran = run({{"/usr/bin/env"}, {"A=b"}, 1 << 16});
  ASSERT_TRUE(ran);
  EXPECT_EQ(ran->out, "A=b\n");
  ran = run({{"/bin/ls", "/proc/self/fd"}, {}, 1 << 16});
  ASSERT_TRUE(ran);
  EXPECT_EQ(ran->out, "0\n1\n2\n3\n");  // ls has its folder as 3
  ran = run({{"/bin/grep", "^SigBlk\\|^SigIgn", "/proc/self/status"}, {}, 1 << 16});
  ASSERT_TRUE(ran);
  // But for two that the C library keeps for itself.
  EXPECT_EQ(ran->out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000180000000\n");
  ::signal(SIGPIPE, SIG_DFL);
  ::unsetenv("MECAPY_TEST_SECRET");
}

TEST(Program, OutputIsBoundedAndReadOn) {
  Program program = shell("head -c 1000000 /dev/zero; exit 0");
  program.most = 1000;
  const auto ran = run(std::move(program));
  ASSERT_TRUE(ran);
  EXPECT_EQ(ran->status, 0);
  EXPECT_EQ(ran->out.size(), 1000u);
  EXPECT_FALSE(ran->whole);
}

TEST(Program, OneThatDoesNotAnswerIsKilledWithItsChildren) {
  base::TestFolder folder;
  const std::string fifo = folder.path("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const base::Fd reader(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK));
  const auto ran =
      run(shell("exec 3>" + fifo + "; echo here >&3; /bin/sleep 600 & wait"), milliseconds(3000));
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, ErrorCode::deadline_exceeded);
  // It was at work, and nobody who had the pipe is left.
  char text[16];
  EXPECT_EQ(::read(reader.get(), text, sizeof text), 5);
  pollfd closed{reader.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&closed, 1, 20'000), 1);
  EXPECT_EQ(::read(reader.get(), text, sizeof text), 0);
}

TEST(Program, OneThatIsNotThereIsToldSo) {
  const auto ran = run({{"/no/such/program"}, {}, 100});
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, ErrorCode::unavailable);
}

TEST(Program, ASignalIsToldAsShellsDo) {
  const auto ran = run(shell("kill -KILL $$"));
  ASSERT_TRUE(ran);
  EXPECT_EQ(ran->status, 137);
}

}  // namespace
}  // namespace mecapy::clouds
