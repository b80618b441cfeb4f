// The client against our own server, and against peers that do not answer as they should.
#include "net/http_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <thread>

#include "base/fd.h"
#include "base/test_await.h"
#include "base/test_folder.h"
#include "base/test_tls.h"
#include "net/http_server.h"

namespace mecapy::net {
namespace {

using base::await;
using std::chrono::milliseconds;
using std::chrono::seconds;

base::Deadline soon() { return base::after(seconds(20)); }

class HttpClientTest : public testing::Test {
 protected:
  void SetUp() override {
    ServerOptions options;
    options.body_limit = 64 << 20;
    auto server = listen_tcp(
        io_, "127.0.0.1", 0, options, [this](Exchange& exchange) { return answer(exchange); },
        [](const Request&, std::optional<std::int64_t>) { return std::nullopt; },
        [](const Error&, const std::string&) { return Response{.status = 400}; });
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~HttpClientTest() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  // /echo gives the request back, /drip sends 3 lines, one at a time, /large 8 MiB, /never nothing.
  awaitable<void> answer(Exchange& exchange) {
    const Request& request = exchange.request();
    if (request.path == "/never") {
      boost::asio::steady_timer timer(io_, seconds(60));
      boost::system::error_code ec;
      co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ec));
      co_return;
    }
    if (request.path == "/drip" || request.path == "/large") {
      auto stream = co_await exchange.start_stream(Response{.status = 201}, std::nullopt);
      const bool large = request.path == "/large";
      for (int i = 0; i < (large ? 128 : 3); ++i) {
        const auto sent = co_await stream->write(large ? std::string(65536, 'x') : "line\n");
        if (!sent) co_return;
        written_ += large ? 65536 : 5;
      }
      co_return;
    }
    Response response;
    response.headers.emplace_back("X-Method", request.method);
    response.headers.emplace_back("X-Own", std::string(request.header("X-Own").value_or("")));
    response.body = request.body;
    co_await exchange.respond(std::move(response));
  }

  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + path;
  }
  static Response response_of(const Answered& answered) {
    if (const auto* none = std::get_if<NoAnswer>(&answered)) {
      throw std::runtime_error(none->error.message);
    }
    return std::get<Response>(answered);
  }

  boost::asio::io_context io_;
  std::unique_ptr<HttpServer> server_;
  std::atomic<std::int64_t> written_ = 0;
  std::thread thread_;
  HttpClient client_{{}};
};

TEST_F(HttpClientTest, WithoutTls_NoProxyOfTheEnvironmentSeesTheCall) {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ::setenv("no_proxy", "", 1);
  HttpClient client({});
  Outgoing request;
  request.url = url("/echo");
  const Answered answered = await(client.send(std::move(request), soon()));
  ::unsetenv("http_proxy");
  ::unsetenv("no_proxy");
  ASSERT_TRUE(std::holds_alternative<Response>(answered));
}

TEST_F(HttpClientTest, RequestAndResponse_AreCarriedWhole) {
  for (const char* method : {"GET", "POST", "PUT", "DELETE", "PATCH"}) {
    Outgoing request;
    request.method = method;
    request.url = url("/echo");
    request.headers = {{"X-Own", "a value"}};
    if (std::string(method) != "GET") request.body = std::string("a\0b", 3);
    const Response response = response_of(await(client_.send(std::move(request), soon())));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(find_header(response.headers, "x-method"), method);
    EXPECT_EQ(find_header(response.headers, "x-own"), "a value");
    if (std::string(method) != "GET") EXPECT_EQ(response.body, std::string("a\0b", 3));
  }
}

TEST_F(HttpClientTest, PartOfAFile_IsABody) {
  const base::TestFolder folder;
  const base::Fd file(::open(folder.path("f").c_str(), O_RDWR | O_CREAT, 0600));
  const std::string bytes(3 << 20, 'y');
  ASSERT_EQ(::write(file.get(), "head", 4), 4);
  ASSERT_EQ(::write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  Outgoing request;
  request.method = "PUT";
  request.url = url("/echo");
  request.body = FilePart{file.get(), 2, static_cast<std::int64_t>(bytes.size())};
  request.max_response = 8 << 20;
  const Response response = response_of(await(client_.send(std::move(request), soon())));
  EXPECT_EQ(response.body, "ad" + bytes.substr(2));
}

TEST_F(HttpClientTest, ManyAtOnce_EachGetTheirOwn) {
  std::vector<awaitable<Answered>> calls;
  for (int i = 0; i < 200; ++i) {
    Outgoing request;
    request.method = "POST";
    request.url = url("/echo");
    request.body = std::to_string(i);
    calls.push_back(client_.send(std::move(request), soon()));
  }
  const auto answers = base::await_all(std::move(calls));
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(response_of(answers[i]).body, std::to_string(i));
  }
}

TEST_F(HttpClientTest, ResponseOverItsBound_IsTooLarge) {
  Outgoing request;
  request.url = url("/large");
  request.max_response = 1000;
  const auto answered = await(client_.send(std::move(request), soon()));
  EXPECT_EQ(std::get<NoAnswer>(answered).error.code, ErrorCode::too_large);
}

struct Streamed {
  int status = 0;
  std::vector<std::string> pieces{};  // until its end
};

// On the loop that opens it: where a stream was begun it goes on.
awaitable<Streamed> read_stream(HttpClient& client, std::string url) {
  Outgoing request;
  request.url = std::move(url);
  auto opened = co_await client.open(std::move(request), soon());
  auto& incoming = std::get<std::unique_ptr<Incoming>>(opened);
  Streamed streamed{incoming->head().status};
  while (true) {
    auto bytes = co_await incoming->next(soon());
    EXPECT_TRUE(bytes) << bytes.error().message;
    if (!bytes || bytes->empty()) co_return streamed;
    streamed.pieces.push_back(std::move(*bytes));
  }
}

TEST_F(HttpClientTest, Stream_ComesPieceByPieceToItsEnd) {
  const Streamed streamed = await(read_stream(client_, url("/drip")));
  EXPECT_EQ(streamed.status, 201);
  std::string whole;
  for (const std::string& piece : streamed.pieces) whole += piece;
  EXPECT_EQ(whole, "line\nline\nline\n");
}

TEST_F(HttpClientTest, SlowReader_HoldsThePeerBack) {
  const Streamed streamed = await(read_stream(client_, url("/large")));
  std::size_t got = 0;
  for (const std::string& piece : streamed.pieces) {
    EXPECT_LE(piece.size(), 512U * 1024) << "more was taken than may wait";
    got += piece.size();
  }
  EXPECT_EQ(got, 8U << 20);
}

TEST_F(HttpClientTest, NoAnswerInTime_IsMaybe) {
  Outgoing request;
  request.url = url("/never");
  const auto answered = await(client_.send(std::move(request), base::after(milliseconds(100))));
  const auto& none = std::get<NoAnswer>(answered);
  EXPECT_EQ(none.reached, Reached::maybe);
  EXPECT_EQ(none.error.code, ErrorCode::deadline_exceeded);
}

TEST_F(HttpClientTest, NobodyThere_IsNobody) {
  Outgoing request;
  request.url = "http://127.0.0.1:1/";
  const auto answered = await(client_.send(std::move(request), soon()));
  const auto& none = std::get<NoAnswer>(answered);
  EXPECT_EQ(none.reached, Reached::nobody);
  EXPECT_EQ(none.error.code, ErrorCode::unavailable);
}

// A peer that takes one request and sends bytes as answer, then hangs up.
class BadPeer {
 public:
  using Send = std::function<bool(std::string_view)>;  // false when the client has gone

  explicit BadPeer(std::function<void(const Send&)> answer)
      : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const named = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), named, size) != 0 || ::listen(listener_.get(), 1) != 0) {
      throw std::runtime_error("no port");
    }
    ::getsockname(listener_.get(), named, &size);
    url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    thread_ = std::thread([this, answer = std::move(answer)] {
      const base::Fd fd(::accept(listener_.get(), nullptr, nullptr));
      char chunk[4096];
      EXPECT_GT(::recv(fd.get(), chunk, sizeof chunk, 0), 0);
      answer([&fd](std::string_view bytes) {
        return ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(bytes.size());
      });
    });
  }
  ~BadPeer() { thread_.join(); }

  std::string url;

 private:
  base::Fd listener_;
  std::thread thread_;
};

TEST_F(HttpClientTest, BrokenAnswer_IsMaybe) {
  for (const char* answer : {"", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
                             "no HTTP at all\r\n\r\n", "HTTP/1.1 099 X\r\n\r\n"}) {
    const BadPeer peer([answer](const BadPeer::Send& send) { EXPECT_TRUE(send(answer)); });
    Outgoing request;
    request.url = peer.url;
    const auto answered = await(client_.send(std::move(request), soon()));
    EXPECT_EQ(std::get<NoAnswer>(answered).reached, Reached::maybe) << answer;
    EXPECT_EQ(std::get<NoAnswer>(answered).error.code, ErrorCode::unavailable) << answer;
  }
}

TEST_F(HttpClientTest, LinesAfterTheBodyThatNeverEnd_BreakItOff) {
  const std::string line = "X-Trailer: " + std::string(1000, 'x') + "\r\n";
  std::size_t sent = 0;
  {
    const BadPeer peer([&](const BadPeer::Send& send) {
      send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n");
      while (sent < (256U << 20) && send(line)) sent += line.size();
    });
    Outgoing request;
    request.url = peer.url;
    const auto answered = await(client_.send(std::move(request), soon()));
    EXPECT_EQ(std::get<NoAnswer>(answered).error.code, ErrorCode::unavailable);
  }
  EXPECT_LT(sent, 64U << 20);  // what the sockets hold
}

// Who has a certificate of the trusted authority for another machine is not this one.
TEST(HttpClientTls, CertificateForAnotherHost_IsRefusedThoughItsAuthorityIsTrusted) {
  const auto ask = [](const base::TlsServer& server, const std::string& host) {
    HttpClient client({.ca = server.authority()});
    Outgoing request;
    request.url = "https://" + host + ":" + std::to_string(server.port()) + "/";
    return await(client.send(std::move(request), soon()));
  };
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
  const base::TlsServer right("IP:127.0.0.1,DNS:localhost", answer);
  for (const char* host : {"127.0.0.1", "localhost"}) {
    const auto answered = ask(right, host);
    const auto* none = std::get_if<NoAnswer>(&answered);
    ASSERT_EQ(none, nullptr) << none->error.message;
    EXPECT_EQ(std::get<Response>(answered).body, "ok");
  }
  for (const char* names : {"DNS:other.example", "IP:127.0.0.2,DNS:127.0.0.1.other.example"}) {
    const base::TlsServer other(names, answer);
    for (const char* host : {"127.0.0.1", "localhost"}) {
      const auto answered = ask(other, host);
      ASSERT_TRUE(std::holds_alternative<NoAnswer>(answered)) << names << " was taken for " << host;
      const auto& none = std::get<NoAnswer>(answered);
      EXPECT_EQ(none.reached, Reached::nobody);
      EXPECT_EQ(none.error.code, ErrorCode::unavailable);
      EXPECT_NE(none.error.message.find("SSL"), std::string::npos) << none.error.message;
    }
    EXPECT_EQ(other.heard(), 0) << names;
  }
}

// The same name, signed by nobody who is trusted.
TEST(HttpClientTls, CertificateOfAnotherAuthority_IsRefused) {
  const base::TlsServer server("IP:127.0.0.1", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const base::TlsServer stranger("IP:127.0.0.1", "");
  for (const std::string& ca : {std::string(), stranger.authority()}) {
    HttpClient client({.ca = ca});
    Outgoing request;
    request.url = "https://127.0.0.1:" + std::to_string(server.port()) + "/";
    const auto answered = await(client.send(std::move(request), soon()));
    ASSERT_TRUE(std::holds_alternative<NoAnswer>(answered));
    EXPECT_EQ(std::get<NoAnswer>(answered).reached, Reached::nobody);
  }
  EXPECT_EQ(server.heard(), 0);
}

TEST(HttpClientUrl, WhatGoesUnprotectedOrIsNone_IsUsage) {
  for (const char* fine :
       {"https://example.org/x", "http://127.0.0.1:8080", "http://localhost/", "http://[::1]:1/"}) {
    EXPECT_TRUE(check_url(fine)) << fine;
  }
  for (const char* wrong :
       {"http://example.org", "ftp://127.0.0.1", "example.org", "", "https://",
        "file:///etc/passwd", "http://127.evil.example", "http://127.0.0.1.evil.example"}) {
    EXPECT_FALSE(check_url(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace mecapy::net
