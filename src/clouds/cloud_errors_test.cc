// What each error of the clouds means, in the forms that their documents and recordings have.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <mutex>
#include <thread>

#include "base/test_await.h"
#include "clouds/openstack_api.h"
#include "clouds/scaleway_api.h"
#include "net/test_server.h"

namespace mecapy::clouds {
namespace {

using base::await;
using std::chrono::milliseconds;

struct Row {
  int status;
  const char* body;
  Trouble trouble;
};

// Answers what is made as the row says, and gives tokens.
class CloudErrors : public testing::Test {
 protected:
  CloudErrors() {
    server_ = net::listen_here(io_, [this](net::Exchange& exchange) { return answer(exchange); });
    url_ = "http://127.0.0.1:" + std::to_string(server_->port());
    thread_ = std::thread([this] { io_.run(); });
    calls_.tries = 1;
  }
  ~CloudErrors() override {
    io_.stop();
    thread_.join();
  }
  awaitable<void> answer(net::Exchange& exchange) {
    net::Response response;
    if (exchange.request().path == "/v3/auth/tokens") {
      response.status = 201;
      response.headers.emplace_back("X-Subject-Token", "t");
      response.body =
          R"({"token":{"catalog":[{"type":"compute","endpoints":[{"interface":"public",)"
          R"("region":"GRA11","url":")" +
          url_ + R"("}]}]}})";
    } else {
      const std::lock_guard lock(mutex_);
      response.status = row_.status;
      response.body = row_.body;
    }
    co_await exchange.respond(std::move(response));
  }
  void answer_with(const Row& row) {
    const std::lock_guard lock(mutex_);
    row_ = row;
  }

  boost::asio::io_context io_{1};
  std::mutex mutex_;
  Row row_{200, "{}", Trouble::passing};
  std::unique_ptr<net::HttpServer> server_;
  std::thread thread_;
  std::string url_;
  CallOptions calls_;
};

TEST_F(CloudErrors, OfScaleway_MeanWhatCanBeDone) {
  ScalewayOptions options;
  options.secret_key = "k";
  options.project = "p";
  options.api_url = url_;
  options.calls = calls_;
  ScalewayApi api(options);
  for (const Row& row : {
           Row{403, R"({"type":"quotas_exceeded","details":[{"resource":"r","quota":2}]})",
               Trouble::quota},
           Row{400, R"({"type":"quotas_exceeded"})", Trouble::quota},
           Row{403,
               R"({"type":"invalid_request_error","message":"Quota exceeded for this resource."})",
               Trouble::quota},
           Row{403, R"({"type":"permissions_denied","details":[{"action":"write"}]})",
               Trouble::refused},
           Row{401, R"({"type":"denied_authentication"})", Trouble::refused},
           Row{400, R"({"type":"invalid_arguments","details":[{"argument_name":"image"}]})",
               Trouble::refused},
           Row{400, R"({"type":"invalid_request_error","fields":{"image":["is not valid"]}})",
               Trouble::refused},
           Row{409, R"({"type":"transient_state","current_state":"starting"})", Trouble::passing},
           Row{409, R"({"type":"locked"})", Trouble::refused},
           Row{412, R"({"type":"precondition_failed"})", Trouble::refused},
           Row{409, R"({"type":"out_of_stock"})", Trouble::out_of_stock},
           Row{503, R"({"type":"out_of_stock"})", Trouble::out_of_stock},
           Row{429, "", Trouble::passing},
           Row{500, "<html>", Trouble::unknown},
           Row{201, "<html>", Trouble::unknown},
           Row{201, R"({"ip":{}})", Trouble::unknown},
       }) {
    answer_with(row);
    const auto answer = await(api.create_address("fr-par-1", {}, base::after(milliseconds(9'000))));
    const auto* refusal = std::get_if<Refusal>(&answer);
    ASSERT_NE(refusal, nullptr) << row.body;
    EXPECT_EQ(refusal->trouble, row.trouble) << row.status << " " << row.body;
  }
}

TEST_F(CloudErrors, OfOpenstack_MeanWhatCanBeDone) {
  OpenstackOptions options;
  options.auth_url = url_ + "/v3";
  options.region = "GRA11";
  options.credential_secret = "s";
  options.calls = calls_;
  OpenstackApi api(options);
  for (const Row& row : {
           Row{400, R"({"badRequest":{"code":400,"message":"no"}})", Trouble::refused},
           Row{403, R"({"forbidden":{"code":403,"message":"Policy"}})", Trouble::refused},
           Row{403, R"({"forbidden":{"code":403,"message":"Quota exceeded for cores"}})",
               Trouble::quota},
           Row{404, R"({"itemNotFound":{"code":404,"message":"no image"}})", Trouble::refused},
           Row{409, R"({"conflictingRequest":{"code":409,"message":"later"}})", Trouble::passing},
           Row{413, R"({"overLimit":{"code":413,"message":"too many"}})", Trouble::passing},
           Row{413, R"({"overLimit":{"code":413,"message":"Quota exceeded"}})", Trouble::quota},
           Row{429, R"({"overLimit":{"code":429,"message":"too many"}})", Trouble::passing},
           Row{500, R"({"computeFault":{"code":500,"message":"bug"}})", Trouble::unknown},
           Row{502, "<html>", Trouble::unknown},
           Row{202, R"({"server":{"id":"../x"}})", Trouble::unknown},
       }) {
    answer_with(row);
    const auto answer = await(api.create({"n", "f", "", {}}, base::after(milliseconds(9'000))));
    const auto* refusal = std::get_if<Refusal>(&answer);
    ASSERT_NE(refusal, nullptr) << row.body;
    EXPECT_EQ(refusal->trouble, row.trouble) << row.status << " " << row.body;
  }
}

}  // namespace
}  // namespace mecapy::clouds
