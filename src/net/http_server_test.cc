// The server against raw bytes on a real loopback socket.
#include "net/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <future>
#include <thread>

#include "base/fd.h"

namespace mecapy::net {
namespace {

using std::chrono::milliseconds;

class ServerTest : public testing::Test {
 protected:
  void start(ServerOptions options) {
    auto server = listen_tcp(
        io_, "127.0.0.1", 0, options,
        [](Exchange& exchange) -> awaitable<void> {
          Response response;
          response.content_type = "text/plain";
          response.body = exchange.request().method + " " + exchange.request().path + " " +
                          std::to_string(exchange.request().body.size()) + "\n";
          co_await exchange.respond(std::move(response));
        },
        [](const Request& head, std::optional<std::int64_t>) -> std::optional<Response> {
          if (head.path != "/refused") return std::nullopt;
          Response response;
          response.status = 401;
          return response;
        },
        [](const Error& error, const std::string&) {
          Response response;
          response.status = base::row(error.code).http_status;
          response.body = std::string(base::row(error.code).name) + ": " + error.message;
          return response;
        });
    ASSERT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~ServerTest() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  base::Fd connect() {
    base::Fd fd(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server_->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const timeval limit{10, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
  }
  static void send(const base::Fd& fd, std::string_view bytes) {
    EXPECT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // Everything until the server closes.
  static std::string read_all(const base::Fd& fd) {
    std::string out;
    char chunk[4096];
    for (ssize_t n; (n = ::recv(fd.get(), chunk, sizeof chunk, 0)) > 0;) {
      out.append(chunk, static_cast<std::size_t>(n));
    }
    return out;
  }
  // What comes first, at least up to the end of an answer of ours.
  static std::string read_some(const base::Fd& fd) {
    std::string out;
    char chunk[4096];
    for (ssize_t n = 1; n > 0 && !out.ends_with("\n");) {
      n = ::recv(fd.get(), chunk, sizeof chunk, 0);
      if (n > 0) out.append(chunk, static_cast<std::size_t>(n));
    }
    return out;
  }
  static std::string get(const std::string& path) {
    return "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  static std::string post(const std::string& path, const std::string& body) {
    return "POST " + path +
           " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
  }
  // A connection whose request's head the server has read; `length` bytes of body are to come.
  base::Fd begin_body(const std::string& path, int length) {
    base::Fd fd = connect();
    send(fd, "POST " + path + " HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: " +
                 std::to_string(length) + "\r\n\r\n");
    EXPECT_EQ(read_some(fd), "HTTP/1.1 100 Continue\r\n\r\n");
    return fd;
  }
  std::string exchange(std::string_view bytes) {
    const base::Fd fd = connect();
    send(fd, bytes);
    ::shutdown(fd.get(), SHUT_WR);
    return read_all(fd);
  }
  static int count(const std::string& text, std::string_view word) {
    int n = 0;
    for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += word.size())
      ++n;
    return n;
  }

  boost::asio::io_context io_{1};
  std::unique_ptr<HttpServer> server_;
  std::thread thread_;
};

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start({});
  const std::string answer = exchange(
      "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: "
      "3\r\n\r\nabc"
      "GET /c HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(count(answer, "HTTP/1.1 200"), 3) << answer;
  EXPECT_LT(answer.find("GET /a 0"), answer.find("POST /b 3"));
  EXPECT_LT(answer.find("POST /b 3"), answer.find("GET /c 0"));
}

TEST_F(ServerTest, EachAnswerIsToldOfOnce) {
  std::vector<std::string> told;
  ServerOptions options;
  options.on_served = [&](const Served& served) {
    told.push_back(served.request.method + served.request.path + " " +
                   std::to_string(served.status));
    EXPECT_FALSE(served.request.id.empty());
  };
  start(options);
  exchange(
      "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /refused HTTP/1.1\r\nHost: x\r\n\r\n"
      "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n");
  exchange("no HTTP\r\n\r\n");
  io_.stop();
  thread_.join();
  EXPECT_EQ(told, (std::vector<std::string>{"GET/a 200", "GET/refused 401", "POST/b 413", " 400"}));
}

TEST_F(ServerTest, ChunkedBodiesAreRead) {
  start({});
  EXPECT_NE(exchange("POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
                .find("POST /x 5"),
            std::string::npos);
}

TEST_F(ServerTest, LengthAndChunkedTogetherAreRefusedInBothOrders) {
  start({});
  for (const char* fields : {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                             "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"}) {
    const std::string answer = exchange("POST /x HTTP/1.1\r\nHost: x\r\n" + std::string(fields) +
                                        "\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(answer.rfind("HTTP/1.1 400", 0), 0u) << answer;
    EXPECT_EQ(answer.find("smuggled"), std::string::npos);
  }
}

TEST_F(ServerTest, LimitsOfHeaderAndBody) {
  ServerOptions options;
  options.header_limit = 1024;
  options.body_limit = 100;
  start(options);
  const std::string header =
      exchange("GET /x HTTP/1.1\r\nHost: x\r\nA: " + std::string(2000, 'a') + "\r\n\r\n");
  EXPECT_EQ(header.rfind("HTTP/1.1 431", 0), 0u) << header;
  EXPECT_TRUE(header.ends_with("header_too_large: the header is over the limit of 1024 bytes"))
      << header;
  EXPECT_EQ(exchange("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n")
                .rfind("HTTP/1.1 413", 0),
            0u);
  EXPECT_EQ(exchange("POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" +
                     std::string(101, 'a') + "\r\n0\r\n\r\n")
                .rfind("HTTP/1.1 413", 0),
            0u);
}

TEST_F(ServerTest, AHeaderOrBodyThatStopsIsAnswered408) {
  ServerOptions options;
  options.header_timeout = milliseconds(50);
  options.body_timeout = milliseconds(50);
  start(options);
  for (const char* half :
       {"GET /x HTT", "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"}) {
    const base::Fd fd = connect();
    send(fd, half);
    const std::string answer = read_all(fd);
    EXPECT_EQ(answer.rfind("HTTP/1.1 408", 0), 0u) << half << answer;
    EXPECT_TRUE(answer.ends_with("request_timeout: the request did not arrive in time")) << answer;
  }
}

TEST_F(ServerTest, ASilentConnectionIsClosedWithoutAWord) {
  ServerOptions options;
  options.idle_timeout = milliseconds(50);
  start(options);
  const base::Fd fd = connect();
  EXPECT_EQ(read_all(fd), "");
}

TEST_F(ServerTest, BeyondTheConnectionLimitTheAnswerIs503) {
  ServerOptions options;
  options.max_connections = 2;
  start(options);
  const base::Fd a = begin_body("/a", 9);
  const base::Fd b = begin_body("/b", 9);
  EXPECT_EQ(exchange(get("/c")).rfind("HTTP/1.1 503", 0), 0u);
  for (const base::Fd* busy : {&a, &b}) {
    send(*busy, "123456789");
    ::shutdown(busy->get(), SHUT_WR);
    EXPECT_NE(read_all(*busy).find("HTTP/1.1 200"), std::string::npos);
  }
}

TEST_F(ServerTest, AtTheConnectionLimitTheLongestWaitingOneIsClosedForANewcomer) {
  ServerOptions options;
  options.max_connections = 3;
  start(options);
  const base::Fd busy = begin_body("/busy", 9);
  const base::Fd half = connect();
  send(half, "GET /half HTTP/1.1\r\n");
  const base::Fd kept = connect();
  send(kept, get("/first"));
  EXPECT_NE(read_some(kept).find("GET /first"), std::string::npos);
  send(busy, "12345");

  EXPECT_NE(exchange(get("/new")).find("GET /new"), std::string::npos);
  EXPECT_EQ(read_all(half), "");  // closed without a word

  const base::Fd silent = connect();  // now kept has waited longer than this one
  const base::Fd next = connect();
  send(next, get("/next"));
  EXPECT_NE(read_some(next).find("GET /next"), std::string::npos);
  EXPECT_EQ(read_all(kept), "");

  send(busy, "6789");  // what is at work stays
  EXPECT_NE(read_some(busy).find("POST /busy 9"), std::string::npos);
}

TEST_F(ServerTest, AConnectionThatOnlyLingersGivesItsPlace) {
  ServerOptions options;
  options.max_connections = 1;
  start(options);
  const base::Fd lingering = connect();
  send(lingering, "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_NE(read_all(lingering).find("GET /a"), std::string::npos);  // and is not closed from here
  EXPECT_NE(exchange(get("/b")).find("GET /b"), std::string::npos);
}

TEST_F(ServerTest, AHalfRequestBehindAWholeOneIsStillServedWhenTheServerStops) {
  start({});
  const base::Fd fd = connect();
  send(fd, get("/a") + "GET /b HTTP/1.1\r\n");
  EXPECT_NE(read_some(fd).find("GET /a"), std::string::npos);
  EXPECT_NE(exchange(get("/c")).find("GET /c"), std::string::npos);  // by now it waits for the rest
  std::promise<void> stopped;
  boost::asio::post(io_, [&] {
    server_->stop();
    stopped.set_value();
  });
  stopped.get_future().wait();
  send(fd, "Host: x\r\n\r\n");
  EXPECT_NE(read_all(fd).find("GET /b"), std::string::npos);
}

TEST_F(ServerTest, ADeclaredBodyHoldsNothingOfTheBudgetBeforeItComes) {
  ServerOptions options;
  options.body_limit = 1000;
  options.bodies_limit = 1000;
  start(options);
  const base::Fd a = begin_body("/a", 1000);
  const base::Fd b = begin_body("/b", 1000);
  const std::string whole = post("/c", std::string(1000, 'x'));
  EXPECT_NE(exchange(whole).find("POST /c 1000"), std::string::npos);
}

TEST_F(ServerTest, BodiesOverTheBudgetAre429UntilOneIsDone) {
  ServerOptions options;
  options.body_limit = 1000;
  options.bodies_limit = 1000;
  start(options);
  const base::Fd first = begin_body("/first", 700);
  send(first, std::string(600, 'x'));
  const std::string other = post("/other", std::string(600, 'y'));
  // Nothing tells when the 600 bytes have been read.
  std::string answer;
  for (int i = 0; i < 500 && answer.rfind("HTTP/1.1 429", 0) != 0; ++i) answer = exchange(other);
  EXPECT_EQ(answer.rfind("HTTP/1.1 429", 0), 0u) << answer;
  send(first, std::string(100, 'x'));
  EXPECT_NE(read_some(first).find("POST /first 700"), std::string::npos);
  EXPECT_NE(exchange(other).find("POST /other 600"), std::string::npos);
}

TEST_F(ServerTest, ALargeBodyInManyPiecesComesWhole) {
  ServerOptions options;
  options.body_limit = 1 << 20;
  options.bodies_limit = 1 << 20;
  start(options);
  const base::Fd fd = begin_body("/x", 1 << 20);
  for (int i = 0; i < 64; ++i) send(fd, std::string((1 << 20) / 64, 'x'));
  EXPECT_NE(read_some(fd).find("POST /x 1048576"), std::string::npos);
}

TEST_F(ServerTest, ARefusalComesBeforeTheBodyIsRead) {
  start({});
  const base::Fd fd = connect();
  send(fd, "POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_EQ(read_all(fd).rfind("HTTP/1.1 401", 0), 0u);
}

TEST_F(ServerTest, RubbishIsA400AndTheServerLives) {
  start({});
  for (const char* bytes :
       {"\x16\x03\x01\x02\x01\x01", "GET\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /x HTTP/1.1\r\n\r\n", "GET /x HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    EXPECT_EQ(exchange(bytes).rfind("HTTP/1.1 400", 0), 0u) << bytes;
  }
  EXPECT_NE(exchange("GET /x HTTP/1.1\r\nHost: x\r\n\r\n").find("GET /x"), std::string::npos);
}

}  // namespace
}  // namespace mecapy::net
