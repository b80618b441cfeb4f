// What the queue does while Redis keeps nothing new, on a Redis of the test's own.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>

#include "queue/test_redis.h"

namespace mecapy::queue {
namespace {

// A Redis of one's own, on loopback and without TLS.
class OwnRedis {
 public:
  OwnRedis() {
    boost::asio::io_context loop;
    using boost::asio::ip::tcp;
    tcp::acceptor free(loop, {boost::asio::ip::address_v4::loopback(), 0});
    address_.host = "127.0.0.1";
    address_.port = free.local_endpoint().port();
    free.close();
    std::string port = std::to_string(address_.port);
    std::vector<const char*> words = {"redis-server", "--port", port.c_str(), "--bind",
                                      "127.0.0.1",    "--save", "",           "--logfile",
                                      "/dev/null",    nullptr};
    EXPECT_EQ(posix_spawnp(&pid_, words[0], nullptr, nullptr,
                           const_cast<char* const*>(words.data()), environ),
              0);
    EXPECT_TRUE(eventually([&] { return ask(address_, {"PING"}).has_value(); }));
  }
  ~OwnRedis() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  OwnRedis(const OwnRedis&) = delete;
  OwnRedis& operator=(const OwnRedis&) = delete;
  const redis::Address& address() const { return address_; }
  void set_most_bytes(const std::string& bytes) {
    EXPECT_FALSE(ask(address_, {"CONFIG", "SET", "maxmemory", bytes})->is_error());
  }

 private:
  redis::Address address_;
  pid_t pid_ = -1;
};

TEST(FullRedis, IsAwayUntilItKeepsWhatIsPushed) {
  OwnRedis redis;
  RedisOptions options;
  options.address = redis.address();
  options.consumer = "one";
  std::atomic<int> changes = 0;
  options.on_change = [&](const std::optional<std::string>&) { ++changes; };
  RedisQueue queue(std::move(options), 1000, std::make_shared<base::SystemClock>());
  ASSERT_TRUE(eventually([&] { return queue.health().has_value(); }));
  const RunId before = RunId::make();
  ASSERT_TRUE(queue.push(before, {}));
  ASSERT_EQ(await(queue.pop(base::after(seconds(10)))), before);
  redis.set_most_bytes("1");
  const RunId refused = RunId::make();
  ASSERT_TRUE(queue.push(refused, {}));
  ASSERT_TRUE(eventually([&] { return !queue.health(); }));
  EXPECT_NE(queue.health().error().message.find("OOM"), std::string::npos);
  // What needs no room it still does: that makes it no better.
  queue.done(before);
  EXPECT_EQ(await(queue.pop(base::after(seconds(10)))), refused);
  queue.done(refused);
  const base::Deadline later = base::after(seconds(2));
  while (std::chrono::steady_clock::now() < later) {
    ASSERT_FALSE(queue.health());
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_EQ(changes, 2);  // there, and away
  redis.set_most_bytes("0");
  EXPECT_TRUE(eventually([&] { return queue.health().has_value(); }));
}

}  // namespace
}  // namespace mecapy::queue
