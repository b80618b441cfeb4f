// The store in S3 behind a front that loses, repeats and refuses what goes to the server of
// tools/services.sh.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <thread>

#include "base/id.h"
#include "base/test_await.h"
#include "base/test_services.h"
#include "net/http_client.h"
#include "net/test_server.h"
#include "objects/objects.h"
#include "objects/s3_address.h"
#include "objects/s3_sign.h"

namespace mecapy::objects {
namespace {

namespace asio = boost::asio;
using base::await;

constexpr std::size_t kMiB = 1 << 20;

base::Deadline soon() { return base::after(std::chrono::minutes(2)); }

class S3Faults : public testing::Test {
 protected:
  // What becomes of a request; it says how often it was asked before.
  using Fault = std::function<awaitable<void>(net::Exchange&, int before)>;

  S3Faults() {
    server_ = net::listen_here(loop_,
                               [this](net::Exchange& exchange) -> awaitable<void> {
                                 if (fault_ && exchange.request().method == faulty_) {
                                   const int before = before_++;
                                   co_await fault_(exchange, before);
                                 } else {
                                   co_await exchange.respond(co_await forward(exchange.request()));
                                 }
                               },
                               {.body_limit = 128 * kMiB});
    thread_ = std::thread([this] { loop_.run(); });
    const std::string keys = base::of_service("s3", "keys");
    store_ = open_s3({.url = "s3://mecapy/" + prefix_ +
                             "?endpoint=http://127.0.0.1:" + std::to_string(server_->port()),
                      .access_key = keys.substr(0, keys.find(' ')),
                      .secret_key = keys.substr(keys.find(' ') + 1),
                      .spool_folder = "/tmp"})
                 .value();
  }

  ~S3Faults() override {
    store_.reset();
    loop_.stop();
    thread_.join();
  }

  // From now on, requests of this method.
  void play(std::string method, Fault fault) {
    asio::post(loop_, [this, method = std::move(method), fault = std::move(fault)] {
      faulty_ = method;
      fault_ = fault;
      before_ = 0;
    });
  }

  // The server's own answer. The signature stays good, as the Host that was signed goes along.
  awaitable<net::Response> forward(const net::Request& request) {
    net::Outgoing out;
    out.method = request.method;
    net::Headers query(request.query.begin(), request.query.end());
    const std::string asked = encoded_query(std::move(query));
    out.url = real_.origin() + request.path + (asked.empty() ? "" : "?" + asked);
    for (const auto& [name, value] : request.headers) {
      if (name != "Content-Length" && name != "Connection") out.headers.emplace_back(name, value);
    }
    out.body = request.body;
    auto answered = co_await client_.send(std::move(out), soon());
    net::Response response = std::get<net::Response>(std::move(answered));
    std::erase_if(response.headers, [](const auto& header) {
      return header.first == "Content-Length" || header.first == "Connection";
    });
    co_return response;
  }

  Result<void> put(const std::string& bytes) { return await(store_->put("a", bytes, soon())); }

  Result<void> put_large(char filled) {
    auto writer = await(store_->create("a", soon())).value();
    for (int i = 0; i < 65; ++i) {
      if (auto fine = await(writer->append(std::string(kMiB, filled), soon())); !fine) return fine;
    }
    return await(writer->commit(soon()));
  }

  std::string got() { return await(store_->read("a", 0, 5, soon())).value(); }

  std::string prefix_ = "faults-" + base::random_hex(8);
  S3Address real_ = parse_s3_address(base::of_service("s3")).value();
  net::HttpClient client_{{.ca = real_.ca}};
  std::string faulty_;
  Fault fault_;
  int before_ = 0;  // the loop's own
  asio::io_context loop_;
  std::unique_ptr<net::HttpServer> server_;
  std::thread thread_;
  std::unique_ptr<ObjectStore> store_;
};

net::Response status(int code) { return {.status = code}; }

TEST_F(S3Faults, WhatIsRefusedForNow_IsTriedAgain) {
  for (const int code : {500, 503, 429}) {
    play("GET", [this, code](net::Exchange& exchange, int before) -> awaitable<void> {
      co_await exchange.respond(before < 2 ? status(code) : co_await forward(exchange.request()));
    });
    ASSERT_TRUE(await(store_->put("n" + std::to_string(code), "hello", soon())));
    EXPECT_EQ(await(store_->get("n" + std::to_string(code), 100, soon())).value(), "hello") << code;
  }
  EXPECT_EQ(store_->traffic()->retries, 6U);
}

TEST_F(S3Faults, AnAnswerThatIsCut_IsAskedForAgain) {
  ASSERT_TRUE(put("hello"));
  play("GET", [this](net::Exchange& exchange, int before) -> awaitable<void> {
    net::Response whole = co_await forward(exchange.request());
    if (before > 0) co_return co_await exchange.respond(std::move(whole));
    const auto stream = co_await exchange.start_stream({.status = whole.status}, 5);
    (void)co_await stream->write("hel");
  });
  EXPECT_EQ(await(store_->get("a", 100, soon())).value(), "hello");
}

TEST_F(S3Faults, BytesThatChanged_AreFound) {
  ASSERT_TRUE(put("hello"));
  play("GET", [this](net::Exchange& exchange, int) -> awaitable<void> {
    net::Response whole = co_await forward(exchange.request());
    whole.body.front() ^= 1;
    co_await exchange.respond(std::move(whole));
  });
  EXPECT_EQ(await(store_->get("a", 100, soon())).error().code, ErrorCode::storage);
}

TEST_F(S3Faults, BytesThatChangeOnTheirWayThere_AreNotTaken) {
  play("PUT", [this](net::Exchange& exchange, int) -> awaitable<void> {
    net::Request changed = exchange.request();
    changed.body.front() ^= 1;
    co_await exchange.respond(co_await forward(changed));
  });
  EXPECT_EQ(put("hello").error().code, ErrorCode::storage);
  EXPECT_EQ(put_large('x').error().code, ErrorCode::storage);
  EXPECT_EQ(await(store_->stat("a", soon())).error().code, ErrorCode::not_found);
}

TEST_F(S3Faults, AListingThatGoesRoundOrAstray_IsStorage) {
  for (const char* key : {"folder/a", "other/a", "x"}) {
    play("GET", [this, key](net::Exchange& exchange, int) -> awaitable<void> {
      net::Response page;
      page.body = "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>" + prefix_ +
                  "/" + key +
                  "</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
                  "<NextContinuationToken>t</NextContinuationToken></ListBucketResult>";
      co_await exchange.respond(std::move(page));
    });
    const auto listing = store_->list("folder");
    Result<std::optional<std::vector<Listed>>> page = std::optional(std::vector<Listed>());
    for (int pages = 0; pages < 3 && page; ++pages) page = await(listing->next(10, soon()));
    ASSERT_FALSE(page) << key;
    EXPECT_EQ(page.error().code, ErrorCode::storage) << key;
  }
}

// The object is there, and its writer heard nothing, or heard it refused.
TEST_F(S3Faults, APutThatWasDoneAndNotTold_IsDone) {
  play("PUT", [this](net::Exchange& exchange, int before) -> awaitable<void> {
    net::Response done = co_await forward(exchange.request());
    co_await exchange.respond(before == 0 ? status(503) : std::move(done));
  });
  EXPECT_TRUE(put("hello"));
  EXPECT_EQ(got(), "hello");
}

// As when a kept connection broke and libcurl sent it again by itself.
TEST_F(S3Faults, APutThatComesTwice_IsDone) {
  play("PUT", [this](net::Exchange& exchange, int) -> awaitable<void> {
    (void)co_await forward(exchange.request());
    co_await exchange.respond(co_await forward(exchange.request()));
  });
  EXPECT_TRUE(put("hello"));
  EXPECT_EQ(put("other").error().code, ErrorCode::conflict);
  EXPECT_EQ(got(), "hello");
}

TEST_F(S3Faults, PartsThatAreJoinedTwice_AreOneObject) {
  std::atomic<int> uploads = 0;
  play("POST", [this, &uploads](net::Exchange& exchange, int) -> awaitable<void> {
    net::Response first = co_await forward(exchange.request());
    if (exchange.request().query.contains("uploads")) {
      ++uploads;
      co_return co_await exchange.respond(std::move(first));
    }
    co_await exchange.respond(co_await forward(exchange.request()));
  });
  const auto made = put_large('x');
  EXPECT_TRUE(made) << made.error().message;
  EXPECT_EQ(got(), "xxxxx");
  EXPECT_EQ(uploads, 1);  // above 64 MiB it goes in parts
  EXPECT_EQ(put_large('y').error().code, ErrorCode::conflict);
  EXPECT_EQ(got(), "xxxxx");
}

TEST_F(S3Faults, APartThatIsNotTaken_IsSentAgain) {
  play("PUT", [this](net::Exchange& exchange, int before) -> awaitable<void> {
    co_await exchange.respond(before == 0 ? status(500) : co_await forward(exchange.request()));
  });
  EXPECT_TRUE(put_large('x'));
  EXPECT_EQ(await(store_->read("a", 65 * kMiB - 2, 9, soon())).value(), "xx");
}

TEST_F(S3Faults, WhatNeverSucceeds_EndsAtTheDeadlineOrAfterSomeTries) {
  play("PUT", [](net::Exchange& exchange, int) -> awaitable<void> {
    co_await exchange.respond(status(503));
  });
  const auto tired = put("hello");
  EXPECT_EQ(tired.error().code, ErrorCode::storage);
  EXPECT_EQ(store_->traffic()->requests, 5U);
  play("PUT",
       [](net::Exchange& exchange, int) -> awaitable<void> { co_await exchange.wait_hangup(); });
  const auto late = await(store_->put("a", "hello", base::after(std::chrono::milliseconds(300))));
  EXPECT_EQ(late.error().code, ErrorCode::deadline_exceeded);
}

// Whatever a server says of a length or a range, nothing but the bytes asked for comes out.
TEST_F(S3Faults, AServerThatAnswersNonsense_IsStorage) {
  ASSERT_TRUE(put("hello"));
  play("HEAD", [](net::Exchange& exchange, int) -> awaitable<void> {
    (void)co_await exchange.start_stream({.status = 200}, std::nullopt);  // no Content-Length
  });
  EXPECT_EQ(await(store_->stat("a", soon())).error().code, ErrorCode::storage);
  play("GET", [](net::Exchange& exchange, int) -> awaitable<void> {
    net::Response all;
    all.body = "hello, and all the rest";
    co_await exchange.respond(std::move(all));  // 200 as if no range had been asked for
  });
  EXPECT_EQ(await(store_->read("a", 1, 3, soon())).error().code, ErrorCode::storage);
}

}  // namespace
}  // namespace mecapy::objects
