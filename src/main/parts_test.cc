// What the parts are that are shipped: as the settings say, not as a test sets them.
#include "main/parts.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/test_await.h"
#include "base/test_folder.h"
#include "net/test_server.h"

namespace mecapy::main {
namespace {

namespace asio = boost::asio;
using backends::awaitable;
using std::chrono::milliseconds;

constexpr double kTimeout = 0.1;  // seconds, of the gateway
constexpr milliseconds kAnswersAfter{600};

class Deaf final : public backends::Observer {
 public:
  void log(std::string_view) override {}
  void progress(std::string_view) override {}
};

awaitable<void> answer_late(net::Exchange& call) {
  asio::steady_timer timer(co_await asio::this_coro::executor, kAnswersAfter);
  co_await timer.async_wait(asio::use_awaitable);
  net::Response response;
  response.body =
      "{\"type\":\"end\",\"status\":\"completed\",\"result\":1}"
      "\n";
  co_await call.respond(std::move(response));
}

TEST(Backends, AWorkerElsewhereIsHeardAfterTheTimeoutOfItsGateway) {
  asio::io_context loop;
  const auto server = net::listen_here(loop, answer_late);
  const base::TestFolder folder;
  const auto objects = objects::open_folder(folder.path("objects")).value();
  config::Settings settings;
  settings.worker_url = "http://127.0.0.1:" + std::to_string(server->port());
  settings.objects_url = "file://" + folder.path("objects");
  settings.worker_timeout_s = kTimeout;
  const auto backends = open_backends(settings, *objects).value();
  ASSERT_EQ(backends.size(), 1U);
  model::Job job;
  job.run_id = model::RunId::make();
  job.inputs.inline_bytes = "{}";
  Deaf nobody;
  backends::Cancellation cancellation;
  std::optional<model::RunEnd> end;
  asio::co_spawn(loop, base::keep(backends[0]->execute(job, nobody, cancellation), end),
                 base::rethrow);
  while (!end && loop.run_one() > 0) {
  }
  ASSERT_TRUE(end);
  EXPECT_EQ(end->status, model::RunStatus::completed)
      << (end->failure ? end->failure->message : "");
}

}  // namespace
}  // namespace mecapy::main
