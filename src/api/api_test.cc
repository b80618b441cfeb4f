// The API before a real store, without a network: what runs on the event loop and what beside it.
#include "api/api.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <future>

#include "api/routes.h"
#include "base/id.h"

namespace mecapy::api {
namespace {

namespace asio = boost::asio;

class Everybody final : public auth::Authenticator {
 public:
  Result<auth::Principal> check(std::optional<std::string_view>) const override {
    return auth::Principal{"ann"};
  }
};

// Keeps the answer for the test.
class FakeExchange final : public net::Exchange {
 public:
  FakeExchange(std::string method, std::string path, std::string body)
      : request_{std::move(method), std::move(path), {}, {}, std::move(body), "id"} {}
  const net::Request& request() const override { return request_; }
  awaitable<void> respond(net::Response response) override {
    answer = std::move(response);
    co_return;
  }
  awaitable<std::unique_ptr<net::ResponseStream>> start_stream(
      net::Response, std::optional<std::int64_t>) override {
    throw std::logic_error("nothing is streamed here");
  }
  awaitable<void> wait_hangup() override { co_return; }

  std::optional<net::Response> answer;

 private:
  net::Request request_;
};

// An API whose only thread beside the loop is taken until release().
class ApiTest : public testing::Test {
 protected:
  ApiTest() {
    asio::post(threads_, [free = release_.get_future().share()] { free.wait(); });
  }
  ~ApiTest() override {
    if (!released_) release();
    threads_.join();
    std::filesystem::remove_all(folder_);
  }
  void release() {
    released_ = true;
    release_.set_value();
  }
  void begin(FakeExchange& exchange) {
    asio::co_spawn(io_, api_.handle(exchange), asio::detached);
    io_.restart();
    io_.poll();
  }

  std::string folder_ = testing::TempDir() + "mecapy-api-" + base::random_hex(8);
  std::shared_ptr<base::SystemClock> clock_ = std::make_shared<base::SystemClock>();
  asio::io_context io_{1};
  asio::thread_pool threads_{1};
  std::promise<void> release_;
  bool released_ = false;
  std::unique_ptr<store::Store> store_ = (std::filesystem::create_directories(folder_),
                                          store::open_sqlite(folder_ + "/db", clock_).value());
  std::unique_ptr<objects::ObjectStore> objects_ =
      objects::open_folder(folder_ + "/objects").value();
  std::unique_ptr<queue::Queue> queue_ = queue::make_memory_queue(10, clock_);
  feed::Feed feed_{io_.get_executor()};
  Everybody everybody_;
  Api api_{{*store_, *queue_, *objects_, feed_, everybody_, *clock_, threads_,
            [](const model::RunId&) {},
            [](std::string) -> awaitable<Result<std::optional<model::Failure>>> {
              co_return std::optional<model::Failure>();
            },
            []() -> awaitable<Result<void>> { co_return Result<void>{}; }},
           {}};
};

struct Place {
  const char* method;
  std::string path;
};

class Bodies : public ApiTest, public testing::WithParamInterface<Place> {
 protected:
  FakeExchange spaces(std::size_t size) {  // no JSON, whatever their number
    return {GetParam().method, GetParam().path, std::string(size, ' ')};
  }
};

const std::string kId = model::TaskId::make().str();
INSTANTIATE_TEST_SUITE_P(Routes, Bodies,
                         testing::Values(Place{"POST", "/api/tasks"},
                                         Place{"POST", "/api/tasks/execute"},
                                         Place{"POST", "/api/tasks/" + kId + "/execute"},
                                         Place{"PATCH", "/api/tasks/" + kId}));

TEST_P(Bodies, ALargeOneIsReadBesideTheLoop) {
  FakeExchange large = spaces(kLargeBody + 1);
  begin(large);
  EXPECT_FALSE(large.answer);  // it waits for the thread
  FakeExchange other("GET", "/health/live", "");
  begin(other);
  EXPECT_TRUE(other.answer);  // nobody waits for it
  release();
  io_.run();
  ASSERT_TRUE(large.answer);
  EXPECT_EQ(large.answer->status, 400);
}

TEST_P(Bodies, ASmallOneWaitsForNoThread) {
  FakeExchange small = spaces(kLargeBody);
  begin(small);
  ASSERT_TRUE(small.answer);
  EXPECT_EQ(small.answer->status, 400);
}

}  // namespace
}  // namespace mecapy::api
