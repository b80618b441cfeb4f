// The reader and the client before a Redis that is none: what it sends costs bounded memory and
// time, and ends the connection.
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "base/test_await.h"
#include "redis/client.h"

namespace mecapy::redis {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using std::chrono::seconds;

constexpr std::size_t kPiece = 64 * 1024;

void expect_refused(Reader& reader) {
  const auto reply = reader.next();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::unavailable);
}

std::string array_of(std::size_t elements) { return "*" + std::to_string(elements) + "\r\n"; }

TEST(RedisReader, AnArrayOfTooMany_IsRefusedAsSoonAsItIsAnnounced) {
  for (const std::size_t elements : {kMostElements + 1, std::size_t{2'000'000'000}}) {
    Reader reader;
    reader.feed(array_of(elements));
    expect_refused(reader);
  }
  Reader reader;
  reader.feed(array_of(kMostElements));
  for (std::size_t i = 0; i < kMostElements; ++i) reader.feed(":1\r\n");
  const auto reply = reader.next();
  ASSERT_TRUE(reply && *reply);
  EXPECT_EQ((*reply)->list.size(), kMostElements);
}

TEST(RedisReader, ArraysWithinArrays_CountTogether) {
  Reader reader;
  reader.feed("*2\r\n" + array_of(kMostElements / 2));
  for (std::size_t i = 0; i < kMostElements / 2; ++i) reader.feed(":1\r\n");
  reader.feed(array_of(kMostElements / 2));
  expect_refused(reader);
}

TEST(RedisReader, EachReply_HasTheBoundForItself) {
  Reader reader;
  std::string bytes = array_of(kMostElements);
  for (std::size_t i = 0; i < kMostElements; ++i) bytes += "$-1\r\n";
  const std::size_t times = kMostBytes / bytes.size() + 2;
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += bytes;
  reader.feed(all);
  for (std::size_t i = 0; i < times; ++i) {
    const auto reply = reader.next();
    ASSERT_TRUE(reply && *reply) << i;
  }
}

TEST(RedisReader, ABulkThatDoesNotEnd_IsRefusedAtTheBound) {
  Reader reader;
  reader.feed("$9000000000000000000\r\n");
  const std::string piece(kPiece, 'x');
  std::size_t fed = 0;
  for (; fed + kPiece < kMostBytes; fed += kPiece) {
    reader.feed(piece);
    const auto reply = reader.next();
    ASSERT_TRUE(reply && !*reply) << fed;
  }
  reader.feed(piece);
  expect_refused(reader);
}

TEST(RedisReader, ALineThatDoesNotEnd_IsRefused) {
  for (const std::string begin : {"+", "-", ":", "*", "$", "*1\r\n$"}) {
    Reader reader;
    reader.feed(begin + std::string(kLongestLine, '1'));
    ASSERT_TRUE(reader.next()) << begin;
    reader.feed("12");
    expect_refused(reader);
  }
}

// Reads a command and answers it with a whole subscription; then sends `piece` again and again, as
// much as `kFlood`. Whether the client hung up before that.
constexpr std::size_t kFlood = std::size_t{64} << 20;
awaitable<void> flood(tcp::acceptor& acceptor, std::string head, std::string piece,
                      std::optional<bool>& hung_up) {
  boost::system::error_code ec;
  const auto to = [&ec] { return asio::redirect_error(asio::use_awaitable, ec); };
  tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
  std::string heard;
  co_await asio::async_read_until(socket, asio::dynamic_buffer(heard), "feed\r\n", to());
  const std::string subscribed = "*3\r\n$9\r\nsubscribe\r\n$4\r\nfeed\r\n:1\r\n" + head;
  co_await asio::async_write(socket, asio::buffer(subscribed), to());
  for (std::size_t sent = 0; !ec && sent < kFlood; sent += piece.size()) {
    co_await asio::async_write(socket, asio::buffer(piece), to());
  }
  hung_up = ec.failed();
}

// A client that has subscribed to such a Redis.
template <class Work>
void with_flood(const std::string& head, const std::string& piece, Work work) {
  asio::io_context loop;
  tcp::acceptor acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  Address address;
  address.host = "127.0.0.1";
  address.port = acceptor.local_endpoint().port();
  Client client(loop.get_executor(), address);
  std::optional<bool> hung_up;
  bool done = false;
  asio::co_spawn(loop, flood(acceptor, head, piece, hung_up), base::rethrow);
  asio::co_spawn(
      loop,
      [&]() -> awaitable<void> {
        const auto subscribed =
            co_await client.call({"SUBSCRIBE", "feed"}, base::after(seconds(9)));
        EXPECT_TRUE(subscribed);
        co_await work(client);
        done = true;
      },
      base::rethrow);
  while ((!done || !hung_up) && loop.run_one_for(seconds(30)) > 0) {
  }
  EXPECT_TRUE(done);
  EXPECT_EQ(hung_up, true);
}

TEST(RedisClient, AMessageThatDoesNotEnd_EndsTheConnection) {
  with_flood("$9000000000000000000\r\n", std::string(kPiece, 'x'),
             [](Client& client) -> awaitable<void> {
               const auto message = co_await client.next_message(base::after(seconds(20)));
               EXPECT_FALSE(message);
               if (!message) EXPECT_EQ(message.error().code, ErrorCode::unavailable);
             });
}

TEST(RedisClient, MessagesThatNobodyTakes_EndTheConnection) {
  std::string piece;
  while (piece.size() < kPiece) piece += ":1\r\n";
  with_flood("", piece, [](Client&) -> awaitable<void> { co_return; });
}

TEST(RedisClient, MessagesThatAreTaken_MayBeMany) {
  constexpr std::size_t kLength = 1000;
  const std::string message =
      "$" + std::to_string(kLength) + "\r\n" + std::string(kLength, 'x') + "\r\n";
  with_flood("", message, [](Client& client) -> awaitable<void> {
    for (std::size_t taken = 0; taken < kFlood / 2; taken += kLength) {
      const auto next = co_await client.next_message(base::after(seconds(20)));
      EXPECT_TRUE(next) << next.error().message;
      if (!next) co_return;
    }
  });
}

}  // namespace
}  // namespace mecapy::redis
