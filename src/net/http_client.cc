#include "net/http_client.h"

#include <curl/curl.h>

#include <boost/asio/this_coro.hpp>
#include <boost/url.hpp>
#include <mutex>
#include <new>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/loopback.h"
#include "net/transfer.h"

namespace mecapy::net {
namespace {

namespace asio = boost::asio;

constexpr int kPollMs = 1000;

// Nobody can tell how far it came.
NoAnswer too_late() {
  return {Reached::maybe, fail(ErrorCode::deadline_exceeded, "no answer in time")};
}

}  // namespace

// The thread of libcurl.
class HttpClient::Loop {
 public:
  explicit Loop(ClientOptions options) : options_(std::move(options)) {
    static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
    multi_ = curl_multi_init();
    if (global != CURLE_OK || multi_ == nullptr) throw std::bad_alloc();
    curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS,
                      static_cast<long>(options_.connections));
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(options_.connections));
    thread_ = std::thread([this] { run(); });
  }

  ~Loop() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    curl_multi_wakeup(multi_);
    thread_.join();
    curl_multi_cleanup(multi_);
  }

  std::shared_ptr<Transfer> start(Outgoing request, asio::any_io_executor executor) {
    auto transfer = std::make_shared<Transfer>(
        std::move(request), options_, std::move(executor),
        [this](std::shared_ptr<Transfer> one) { nudge(std::move(one)); });
    nudge(transfer);
    return transfer;
  }

 private:
  void nudge(std::shared_ptr<Transfer> transfer) {
    {
      const std::lock_guard lock(mutex_);
      nudged_.push_back(std::move(transfer));
    }
    curl_multi_wakeup(multi_);
  }

  void run() {
    while (look()) {
      int running = 0;
      curl_multi_perform(multi_, &running);
      collect();
      curl_multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
    }
    while (!transfers_.empty()) finish(transfers_.begin()->first, CURLE_ABORTED_BY_CALLBACK);
  }

  // Begins, goes on with, or ends what was nudged. False when all is to end.
  bool look() {
    std::vector<std::shared_ptr<Transfer>> nudged;
    {
      const std::lock_guard lock(mutex_);
      if (ending_) return false;
      nudged = std::exchange(nudged_, {});
    }
    for (auto& transfer : nudged) {
      CURL* const handle = transfer->handle();
      const bool known = transfers_.contains(handle);
      if (transfer->abandoned()) {
        if (known) finish(handle, CURLE_ABORTED_BY_CALLBACK);
      } else if (known) {
        transfer->resume();
      } else {
        transfers_[handle] = std::move(transfer);
        curl_multi_add_handle(multi_, handle);
      }
    }
    return true;
  }

  void collect() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg == CURLMSG_DONE) finish(message->easy_handle, message->data.result);
    }
  }

  void finish(CURL* handle, CURLcode code) {
    const auto found = transfers_.find(handle);
    if (found == transfers_.end()) return;
    curl_multi_remove_handle(multi_, handle);
    found->second->end(code);
    transfers_.erase(found);
  }

  ClientOptions options_;
  CURLM* multi_ = nullptr;
  std::unordered_map<CURL*, std::shared_ptr<Transfer>> transfers_;  // libcurl's thread's own
  std::mutex mutex_;
  std::vector<std::shared_ptr<Transfer>> nudged_;
  bool ending_ = false;
  std::thread thread_;
};

namespace {

// Ends the transfer when whoever waits for it goes, however he goes.
class Hold {
 public:
  explicit Hold(std::shared_ptr<Transfer> transfer) : transfer_(std::move(transfer)) {}
  ~Hold() {
    if (transfer_) transfer_->abandon();
  }
  Hold(Hold&&) = default;
  Hold& operator=(Hold&&) = delete;
  Transfer& operator*() const { return *transfer_; }
  Transfer* operator->() const { return transfer_.get(); }
  std::shared_ptr<Transfer> release() { return std::exchange(transfer_, nullptr); }

 private:
  std::shared_ptr<Transfer> transfer_;
};

class IncomingBody final : public Incoming {
 public:
  IncomingBody(Hold transfer, Response head)
      : transfer_(std::move(transfer)), head_(std::move(head)) {}

  const Response& head() const override { return head_; }

  awaitable<Result<std::string>> next(base::Deadline deadline) override {
    co_await transfer_->bytes_or_end(deadline);
    Transfer::State state = transfer_->take();
    if (!state.bytes.empty()) co_return std::move(state.bytes);
    if (state.failure) co_return state.failure->error;
    if (state.ended) co_return std::string();
    if (transfer_->abandoned()) co_return fail(ErrorCode::unavailable, "the answer was given up");
    co_return fail(ErrorCode::deadline_exceeded, "the answer did not go on in time");
  }

  void close() override { transfer_->abandon(); }

 private:
  Hold transfer_;
  Response head_;
};

}  // namespace

HttpClient::HttpClient(ClientOptions options) : loop_(std::make_unique<Loop>(std::move(options))) {}
HttpClient::~HttpClient() = default;

awaitable<Answered> HttpClient::send(Outgoing request, base::Deadline deadline) {
  const std::int64_t most = request.max_response;
  const Hold transfer(loop_->start(std::move(request), co_await asio::this_coro::executor));
  co_await transfer->head_or_end(deadline);
  std::string body;
  while (true) {
    Transfer::State state = transfer->take();
    body += state.bytes;
    if (static_cast<std::int64_t>(body.size()) > most) {
      co_return NoAnswer{Reached::maybe, fail(ErrorCode::too_large, "the answer is too large")};
    }
    if (state.failure) co_return *state.failure;
    if (state.ended) {
      state.head.body = std::move(body);
      co_return std::move(state.head);
    }
    if (std::chrono::steady_clock::now() >= deadline) co_return too_late();
    co_await transfer->bytes_or_end(deadline);
  }
}

awaitable<Opened> HttpClient::open(Outgoing request, base::Deadline deadline) {
  Hold transfer(loop_->start(std::move(request), co_await asio::this_coro::executor));
  co_await transfer->head_or_end(deadline);
  Transfer::State state = transfer->take_head();
  if (!state.has_head) co_return state.failure ? *state.failure : too_late();
  Response head = std::move(state.head);
  co_return std::unique_ptr<Incoming>(
      std::make_unique<IncomingBody>(std::move(transfer), std::move(head)));
}

Result<void> check_url(const std::string& text) {
  const auto url = boost::urls::parse_uri(text);
  const bool http = url && url->scheme() == "http";
  // Boost 1.81 takes "127.0.0.1" out of "127.0.0.1.example.org" for the host, and the rest for a
  // path.
  const bool whole_host =
      url && (url->encoded_path().empty() || url->encoded_path().front() == '/');
  if (!whole_host || (!http && url->scheme() != "https") || url->host().empty()) {
    return fail(ErrorCode::usage, "not a URL that begins with https://: " + text);
  }
  if (http && !base::is_loopback(url->host())) {
    return fail(ErrorCode::usage, "http:// is for servers on this machine; use https://: " + text);
  }
  return {};
}

}  // namespace mecapy::net
