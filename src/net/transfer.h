// One transfer of the HTTP client, between the thread of libcurl and the coroutine that waits.
#pragma once

#include <curl/curl.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "net/http_client.h"

namespace mecapy::net {

class Transfer : public std::enable_shared_from_this<Transfer> {
 public:
  // `nudge` has libcurl's thread look at this transfer again.
  Transfer(Outgoing request, const ClientOptions& options, boost::asio::any_io_executor executor,
           std::function<void(std::shared_ptr<Transfer>)> nudge);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // ---- the waiting coroutine's part
  // Until the head is there, or nothing will come.
  awaitable<void> head_or_end(base::Deadline deadline);
  // Until there are bytes, or the body has ended.
  awaitable<void> bytes_or_end(base::Deadline deadline);
  struct State {
    bool has_head = false;
    bool ended = false;
    Response head{};
    std::string bytes{};  // taken from the transfer
    std::optional<NoAnswer> failure{};
  };
  // What there is now; the bytes are the caller's from here on.
  State take();
  // The same without the bytes.
  State take_head() const;
  // Nobody waits any more: the transfer is to end.
  void abandon();

  // ---- libcurl's thread's part
  CURL* handle() const { return handle_; }
  bool abandoned() const;
  // Goes on with a transfer that waited for its bytes to be taken.
  void resume();
  void end(CURLcode code);

 private:
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_read(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_read_text(char* data, std::size_t size, std::size_t count, void* self);
  static int on_seek(void* self, curl_off_t offset, int origin);
  void set_up(const ClientOptions& options);
  void set_up_body();
  void set_up_headers();
  void wake();
  awaitable<void> wait(base::Deadline deadline, bool for_bytes);

  Outgoing request_;
  boost::asio::any_io_executor executor_;
  std::function<void(std::shared_ptr<Transfer>)> nudge_;
  CURL* handle_ = nullptr;
  curl_slist* headers_ = nullptr;
  std::int64_t sent_ = 0;
  std::size_t trailers_ = 0;  // bytes
  char error_[CURL_ERROR_SIZE] = {};

  mutable std::mutex mutex_;
  State state_;
  bool paused_ = false;
  bool abandoned_ = false;
  std::shared_ptr<boost::asio::steady_timer> waiter_;
};

}  // namespace mecapy::net
