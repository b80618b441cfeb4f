// The client on the Redis of tools/services.sh: TLS, a user of its own, a certificate nobody
// signed.
#include <gtest/gtest.h>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "base/id.h"
#include "base/test_await.h"
#include "base/test_services.h"
#include "base/test_tls.h"
#include "redis/client.h"

namespace mecapy::redis {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

Address test_address() { return parse_address(base::of_service("redis", "tests_url")).value(); }

// Runs `work` with a client on one event loop.
template <class Work>
void with_client(const Address& address, Work work) {
  asio::io_context loop;
  Client client(loop.get_executor(), address);
  bool done = false;
  asio::co_spawn(
      loop,
      [&]() -> awaitable<void> {
        co_await work(client);
        done = true;
      },
      base::rethrow);
  while (!done && loop.run_one() > 0) {
  }
}

TEST(RedisAddress, EveryPart_IsRead) {
  const auto whole = parse_address("rediss://ann:p%40ss@db.example:6380/2?ca=/etc/own.pem");
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->host, "db.example");
  EXPECT_EQ(whole->port, 6380);
  EXPECT_EQ(whole->user, "ann");
  EXPECT_EQ(whole->password, "p@ss");
  EXPECT_EQ(whole->database, 2);
  EXPECT_TRUE(whole->tls);
  EXPECT_EQ(whole->ca, "/etc/own.pem");
  const auto least = parse_address("redis://[::1]");
  ASSERT_TRUE(least);
  EXPECT_EQ(least->host, "::1");
  EXPECT_EQ(least->port, 6379);
  EXPECT_FALSE(least->tls);
}

TEST(RedisAddress, WhatIsNone_OrGoesUnprotected_IsUsageWithoutThePassword) {
  for (const char* url :
       {"redis://ann:secret@db.example", "redis://ann:secret@127.evil.example",
        "http://ann:secret@127.0.0.1", "rediss://ann:secret@/0", "rediss://ann:secret@h/x",
        "rediss://ann:secret@h/-1", "rediss://ann:secret@h?tls=no", "rediss://ann:secret@h:99999",
        "", "db.example"}) {
    const auto address = parse_address(url);
    ASSERT_FALSE(address) << url;
    EXPECT_EQ(address.error().code, ErrorCode::usage);
    EXPECT_EQ(address.error().message.find("secret"), std::string::npos) << url;
  }
}

TEST(RedisReader, Replies_AreFoundHoweverTheBytesArrive) {
  constexpr char kBytes[] = "+OK\r\n:42\r\n$-1\r\n$3\r\na\0b\r\n*2\r\n*1\r\n$1\r\nx\r\n-ERR no\r\n";
  const std::string with_zero(kBytes, sizeof kBytes - 1);
  for (std::size_t piece = 1; piece < with_zero.size(); ++piece) {
    Reader reader;
    std::vector<Reply> found;
    for (std::size_t at = 0; at < with_zero.size(); at += piece) {
      reader.feed(std::string_view(with_zero).substr(at, piece));
      while (auto reply = reader.next().value()) found.push_back(std::move(*reply));
    }
    ASSERT_EQ(found.size(), 5U) << piece;
    EXPECT_EQ(found[0].text, "OK");
    EXPECT_EQ(found[1].integer, 42);
    EXPECT_EQ(found[2].kind, Reply::Kind::nil);
    EXPECT_EQ(found[3].text, std::string("a\0b", 3));
    ASSERT_EQ(found[4].list.size(), 2U);
    EXPECT_EQ(found[4].list[0].list.at(0).text, "x");
    EXPECT_TRUE(found[4].list[1].is_error());
  }
}

TEST(RedisReader, OtherBytes_AreUnavailable) {
  Reader reader;
  reader.feed("HTTP/1.1 200 OK\r\n");
  const auto reply = reader.next();
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::unavailable);
}

TEST(RedisClient, Calls_AreAnsweredInTheirOrder) {
  with_client(test_address(), [](Client& client) -> awaitable<void> {
    const std::string key = "test:" + base::random_hex(8);
    const std::string bytes("\0\r\n$9\xff", 6);
    const base::Deadline deadline = base::after(seconds(5));
    std::vector<Command> commands;
    commands.push_back({"SET", key, bytes, "EX", "60"});
    commands.push_back({"GET", key});
    commands.push_back({"NONSENSE"});
    commands.push_back({"DEL", key});
    const auto replies = co_await client.call_all(std::move(commands), deadline);
    EXPECT_TRUE(replies);
    if (!replies) co_return;
    EXPECT_EQ((*replies)[0].text, "OK");
    EXPECT_EQ((*replies)[1].text, bytes);
    EXPECT_TRUE((*replies)[2].is_error());
    EXPECT_EQ((*replies)[3].integer, 1);
  });
}

TEST(RedisClient, ManyAtOnce_EachGetTheirOwnAnswer) {
  with_client(test_address(), [](Client& client) -> awaitable<void> {
    const auto echo = [&client](std::string word) -> awaitable<void> {
      const auto reply = co_await client.call({"ECHO", word}, base::after(seconds(5)));
      EXPECT_TRUE(reply);
      if (reply) EXPECT_EQ(reply->text, word);
    };
    using namespace asio::experimental::awaitable_operators;
    for (int i = 0; i < 50; ++i) {
      co_await (echo("a" + std::to_string(i)) && echo(std::string(300'000, 'x')) && echo("c"));
    }
  });
}

// What it is told about a server it must not talk to.
void expect_unavailable(const Address& address, const std::string& why) {
  with_client(address, [&why](Client& client) -> awaitable<void> {
    const auto reply = co_await client.call({"PING"}, base::after(seconds(5)));
    EXPECT_FALSE(reply);
    if (reply) co_return;
    EXPECT_EQ(reply.error().code, ErrorCode::unavailable);
    EXPECT_NE(reply.error().message.find(why), std::string::npos) << reply.error().message;
  });
}

TEST(RedisClient, WrongPasswordOrCertificate_IsUnavailableAndToldWhy) {
  Address address = test_address();
  address.password = "wrong";
  expect_unavailable(address, "WRONGPASS");
  address = test_address();
  address.ca = "";
  expect_unavailable(address, "certificate verify failed");
}

// Who has a certificate of the trusted authority for another machine is not this one.
TEST(RedisClient, CertificateForAnotherHost_IsRefusedThoughItsAuthorityIsTrusted) {
  const auto address_of = [](const base::TlsServer& server, const std::string& host) {
    Address address;
    address.host = host;
    address.port = server.port();
    address.tls = true;
    address.ca = server.authority();
    return address;
  };
  const base::TlsServer right("IP:127.0.0.1,DNS:localhost", "+PONG\r\n");
  for (const char* host : {"127.0.0.1", "localhost"}) {
    with_client(address_of(right, host), [](Client& client) -> awaitable<void> {
      const auto reply = co_await client.call({"PING"}, base::after(seconds(5)));
      EXPECT_TRUE(reply) << reply.error().message;
    });
  }
  EXPECT_EQ(right.heard(), 2);
  for (const char* names : {"DNS:other.example", "IP:127.0.0.2,DNS:127.0.0.1.other.example"}) {
    const base::TlsServer other(names, "+PONG\r\n");
    for (const char* host : {"127.0.0.1", "localhost"}) {
      expect_unavailable(address_of(other, host), "certificate verify failed");
    }
    EXPECT_EQ(other.heard(), 0) << names;
  }
}

TEST(RedisClient, AConnectionThatTheServerEnded_IsMadeAnew) {
  with_client(test_address(), [](Client& client) -> awaitable<void> {
    const base::Deadline deadline = base::after(seconds(5));
    const auto id = co_await client.call({"CLIENT", "ID"}, deadline);
    EXPECT_TRUE(id);
    if (!id) co_return;
    const auto killed = co_await client.call(
        {"CLIENT", "KILL", "ID", std::to_string(id->integer), "SKIPME", "no"}, deadline);
    (void)killed;  // its answer may be lost with the connection
    auto again = co_await client.call({"PING"}, deadline);
    if (!again) again = co_await client.call({"PING"}, deadline);
    EXPECT_TRUE(again) << again.error().message;
  });
}

TEST(RedisClient, NoAnswerInTime_IsDeadlineExceededAndTheNextCallGoesOn) {
  with_client(test_address(), [](Client& client) -> awaitable<void> {
    const auto late =
        co_await client.call({"BLPOP", "test:never", "5"}, base::after(milliseconds(100)));
    EXPECT_FALSE(late);
    if (!late) EXPECT_EQ(late.error().code, ErrorCode::deadline_exceeded);
    const auto next = co_await client.call({"PING"}, base::after(seconds(5)));
    EXPECT_TRUE(next) << next.error().message;
  });
}

TEST(RedisClient, NobodyThere_IsUnavailable) {
  Address address;
  address.host = "127.0.0.1";
  address.port = 1;
  with_client(address, [](Client& client) -> awaitable<void> {
    const auto reply = co_await client.call({"PING"}, base::after(seconds(5)));
    EXPECT_FALSE(reply);
    if (!reply) EXPECT_EQ(reply.error().code, ErrorCode::unavailable);
  });
}

TEST(RedisClient, Messages_ArriveAfterTheSubscription) {
  const std::string channel = "test:" + base::random_hex(8);
  with_client(test_address(), [&](Client& client) -> awaitable<void> {
    const base::Deadline deadline = base::after(seconds(5));
    Client other(co_await asio::this_coro::executor, test_address());
    const auto subscribed = co_await client.call({"SUBSCRIBE", channel}, deadline);
    EXPECT_TRUE(subscribed);
    EXPECT_TRUE(co_await other.call({"PUBLISH", channel, "hello"}, deadline));
    const auto message = co_await client.next_message(deadline);
    EXPECT_TRUE(message);
    if (message) EXPECT_EQ(message->list.at(2).text, "hello");
    const auto none = co_await client.next_message(base::after(milliseconds(50)));
    EXPECT_FALSE(none);
    if (!none) EXPECT_EQ(none.error().code, ErrorCode::deadline_exceeded);
  });
}

}  // namespace
}  // namespace mecapy::redis
