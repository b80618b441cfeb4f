#include "net/transfer.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <new>
#include <utility>

namespace mecapy::net {
namespace {

namespace asio = boost::asio;

// Bytes that may wait for the reader before the peer has to wait.
constexpr std::size_t kAhead = 256 * 1024;

template <class Value>
void set(CURL* handle, CURLoption option, Value value) {
  if (curl_easy_setopt(handle, option, value) != CURLE_OK) throw std::bad_alloc();
}

// Longest lines after a body, bytes in all: libcurl bounds a head, not these.
constexpr std::size_t kMostTrailers = 64 * 1024;

Reached reach_of(CURL* handle, CURLcode code) {
  long sent = 0;
  curl_easy_getinfo(handle, CURLINFO_REQUEST_SIZE, &sent);
  if (sent > 0) return Reached::maybe;
  switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
      return Reached::nobody;
    default:
      return Reached::maybe;
  }
}

}  // namespace

Transfer::Transfer(Outgoing request, const ClientOptions& options, asio::any_io_executor executor,
                   std::function<void(std::shared_ptr<Transfer>)> nudge)
    : request_(std::move(request)),
      executor_(std::move(executor)),
      nudge_(std::move(nudge)),
      handle_(curl_easy_init()) {
  if (handle_ == nullptr) throw std::bad_alloc();
  set_up(options);
}

Transfer::~Transfer() {
  curl_easy_cleanup(handle_);
  curl_slist_free_all(headers_);
}

void Transfer::set_up(const ClientOptions& options) {
  set(handle_, CURLOPT_URL, request_.url.c_str());
  set(handle_, CURLOPT_PROTOCOLS_STR, "http,https");
  // Without TLS only this machine is called: no proxy of the environment's sees it.
  if (request_.url.starts_with("http:")) set(handle_, CURLOPT_PROXY, "");
  set(handle_, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
  if (request_.method == "HEAD") set(handle_, CURLOPT_NOBODY, 1L);
  set(handle_, CURLOPT_NOSIGNAL, 1L);
  set(handle_, CURLOPT_ERRORBUFFER, error_);
  set(handle_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect.count()));
  set(handle_, CURLOPT_TCP_KEEPALIVE, 1L);
  set(handle_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(handle_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options.ca.empty()) {
    set(handle_, CURLOPT_CAINFO, options.ca.c_str());
    set(handle_, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  set(handle_, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(handle_, CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(handle_, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(handle_, CURLOPT_WRITEDATA, static_cast<void*>(this));
  set_up_body();
  set_up_headers();
}

void Transfer::set_up_body() {
  const auto* file = std::get_if<FilePart>(&request_.body);
  if (file != nullptr) {
    set(handle_, CURLOPT_UPLOAD, 1L);
    set(handle_, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(file->size));
    set(handle_, CURLOPT_READFUNCTION, &Transfer::on_read);
    set(handle_, CURLOPT_READDATA, static_cast<void*>(this));
    set(handle_, CURLOPT_SEEKFUNCTION, &Transfer::on_seek);
    set(handle_, CURLOPT_SEEKDATA, static_cast<void*>(this));
    return;
  }
  const std::string& text = std::get<std::string>(request_.body);
  if (text.empty() && request_.method != "POST" && request_.method != "PUT") return;
  set(handle_, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(text.size()));
  if (request_.repeatable) {
    set(handle_, CURLOPT_POSTFIELDS, text.data());
    return;
  }
  // libcurl repeats what it can read again.
  set(handle_, CURLOPT_POST, 1L);
  set(handle_, CURLOPT_READFUNCTION, &Transfer::on_read_text);
  set(handle_, CURLOPT_READDATA, static_cast<void*>(this));
}

void Transfer::set_up_headers() {
  const auto add = [this](const std::string& line) {
    curl_slist* longer = curl_slist_append(headers_, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    headers_ = longer;
  };
  // No waiting for 100-continue, and no type that libcurl makes up.
  add("Expect:");
  if (!find_header(request_.headers, "Content-Type")) add("Content-Type:");
  for (const auto& [name, value] : request_.headers) add(name + ": " + value);
  set(handle_, CURLOPT_HTTPHEADER, headers_);
}

// One line of a head, or the empty one after it. A 1xx head is followed by another.
std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  std::string_view line(data, size * count);
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  const std::lock_guard lock(transfer.mutex_);
  if (transfer.state_.has_head) {  // a trailer: nobody asked for one
    transfer.trailers_ += size * count;
    return transfer.trailers_ > kMostTrailers ? 0 : size * count;
  }
  Response& head = transfer.state_.head;
  if (line.starts_with("HTTP/")) {
    head = Response{};
    head.content_type.clear();
    return size * count;
  }
  if (line.empty()) {
    long status = 0;
    curl_easy_getinfo(transfer.handle_, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200) {
      head.status = static_cast<int>(status);
      transfer.state_.has_head = true;
      transfer.wake();
    }
    return size * count;
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  std::string_view value = line.substr(colon + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  head.headers.emplace_back(line.substr(0, colon), value);
  return size * count;
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::lock_guard lock(transfer.mutex_);
  if (transfer.abandoned_) return 0;
  if (transfer.state_.bytes.size() >= kAhead) {
    transfer.paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  transfer.state_.bytes.append(data, size * count);
  transfer.wake();
  return size * count;
}

std::size_t Transfer::on_read(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const auto& file = std::get<FilePart>(transfer.request_.body);
  const auto wanted =
      std::min<std::int64_t>(static_cast<std::int64_t>(size * count), file.size - transfer.sent_);
  if (wanted <= 0) return 0;
  const ssize_t got =
      ::pread(file.fd, data, static_cast<std::size_t>(wanted), file.offset + transfer.sent_);
  if (got <= 0) return CURL_READFUNC_ABORT;
  transfer.sent_ += got;
  return static_cast<std::size_t>(got);
}

std::size_t Transfer::on_read_text(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string& text = std::get<std::string>(transfer.request_.body);
  const std::size_t read = text.copy(data, size * count, static_cast<std::size_t>(transfer.sent_));
  transfer.sent_ += static_cast<std::int64_t>(read);
  return read;
}

int Transfer::on_seek(void* self, curl_off_t offset, int origin) {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Transfer*>(self)->sent_ = offset;
  return CURL_SEEKFUNC_OK;
}

// With the lock held.
void Transfer::wake() {
  if (!waiter_) return;
  asio::post(executor_, [waiter = waiter_] { waiter->cancel(); });
}

awaitable<void> Transfer::wait(base::Deadline deadline, bool for_bytes) {
  const auto self = shared_from_this();
  auto timer = std::make_shared<asio::steady_timer>(executor_, deadline);
  while (std::chrono::steady_clock::now() < deadline) {
    {
      const std::lock_guard lock(mutex_);
      const bool there = for_bytes ? !state_.bytes.empty() : state_.has_head;
      if (there || state_.ended || abandoned_) break;
      waiter_ = timer;
    }
    timer->expires_at(deadline);
    boost::system::error_code ec;
    co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ec));
    // Ended by the caller, not by news.
    if ((co_await asio::this_coro::cancellation_state).cancelled() !=
        asio::cancellation_type::none) {
      break;
    }
  }
  const std::lock_guard lock(mutex_);
  waiter_.reset();
}

awaitable<void> Transfer::head_or_end(base::Deadline deadline) { return wait(deadline, false); }
awaitable<void> Transfer::bytes_or_end(base::Deadline deadline) { return wait(deadline, true); }

Transfer::State Transfer::take() {
  State taken;
  bool resume = false;
  {
    const std::lock_guard lock(mutex_);
    taken.bytes = std::exchange(state_.bytes, {});
    taken.has_head = state_.has_head;
    taken.head = state_.head;
    taken.ended = state_.ended;
    taken.failure = state_.failure;
    resume = std::exchange(paused_, false);
  }
  if (resume) nudge_(shared_from_this());
  return taken;
}

Transfer::State Transfer::take_head() const {
  const std::lock_guard lock(mutex_);
  return {state_.has_head, state_.ended, state_.head, "", state_.failure};
}

void Transfer::abandon() {
  {
    const std::lock_guard lock(mutex_);
    if (state_.ended || abandoned_) return;
    abandoned_ = true;
    wake();
  }
  nudge_(shared_from_this());
}

bool Transfer::abandoned() const {
  const std::lock_guard lock(mutex_);
  return abandoned_;
}

void Transfer::resume() { curl_easy_pause(handle_, CURLPAUSE_CONT); }

void Transfer::end(CURLcode code) {
  const std::lock_guard lock(mutex_);
  state_.ended = true;
  if (code != CURLE_OK) {
    const std::string why = error_[0] != '\0' ? error_ : curl_easy_strerror(code);
    state_.failure = NoAnswer{reach_of(handle_, code), fail(ErrorCode::unavailable, why)};
  }
  wake();
}

}  // namespace mecapy::net
