#include "client/events.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include "base/jitter.h"
#include "model/run.h"

namespace mecapy::client {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kSilence{35};  // the server says something every ten
constexpr std::size_t kLongestLine = EventReader::kLargestEvent + 16;
constexpr int kMostBroken = 8;
constexpr std::chrono::milliseconds kPause{500};

// Whether the event tells that the run has ended.
bool tells_end(const Event& event) {
  if (event.kind != "status") return false;
  boost::json::error_code ec;
  const boost::json::value data = boost::json::parse(event.data, ec);
  if (ec || !data.is_object()) return false;
  const boost::json::value* name = data.get_object().if_contains("status");
  if (name == nullptr || !name->is_string()) return false;
  const auto status = model::parse_status(name->get_string());
  return status && model::is_end(*status);
}

}  // namespace

awaitable<Result<void>> Watch::connect() {
  if (broken_ > 0) {
    asio::steady_timer timer(co_await asio::this_coro::executor,
                             base::jittered(kPause * std::min(broken_, 8)));
    boost::system::error_code ec;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
  Call call;
  call.path = path_;
  call.headers = {{"Accept", "text/event-stream"}};
  call.expects = Expects::events;
  if (!last_id_.empty()) call.headers.emplace_back("Last-Event-ID", last_id_);
  auto opened = co_await api_.open(std::move(call));
  if (!opened) co_return opened.error();
  lines_ = net::lines_of(std::move(*opened), kLongestLine);
  reader_ = {};
  heard_ = std::chrono::steady_clock::now();
  co_return Result<void>{};
}

awaitable<Result<std::optional<Event>>> Watch::next() {
  while (!ended_) {
    if (!lines_) {
      if (auto connected = co_await connect(); !connected) co_return connected.error();
    }
    auto line = co_await lines_->next(heard_ + kSilence);
    if (!line && line.error().code == ErrorCode::too_large) co_return line.error();
    if (!line || !*line) {  // broken off, or ended without an end: a restart of the server
      lines_.reset();
      if (++broken_ > kMostBroken) {
        co_return fail(ErrorCode::unavailable, "the events of the run break off again and again");
      }
      continue;
    }
    auto event = reader_.take(**line);
    if (!event) co_return event.error();
    if (*event || (*line)->starts_with(':')) {  // a comment: it is still there
      broken_ = 0;
      heard_ = std::chrono::steady_clock::now();
    }
    if (!*event) continue;
    if (!(*event)->id.empty()) last_id_ = (*event)->id;
    ended_ = tells_end(**event);
    co_return std::move(*event);
  }
  co_return std::optional<Event>();
}

}  // namespace mecapy::client
