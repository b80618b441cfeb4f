#include "worker/collector.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/offload.h"

namespace mecapy::worker {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t kChunk = 64 * 1024;

// Valid JSON on one line: a line break in it stands between tokens. Later it travels in lines.
std::string on_one_line(std::string json) {
  std::ranges::replace_if(
      json, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return json;
}

}  // namespace

Collector::Collector(asio::thread_pool& threads, const model::Limits& limits, Sink& sink,
                     ArtifactKeeper& artifacts, CheckpointKeeper& checkpoints,
                     std::function<void()> kill)
    : threads_(threads),
      sink_(sink),
      artifacts_(artifacts),
      checkpoints_(checkpoints),
      kill_(std::move(kill)),
      parser_(limits),
      log_limit_(static_cast<std::size_t>(limits.log_kb * 1024)) {}

void Collector::break_off(Error error) {
  if (!collected_.report.broken) collected_.report.broken = std::move(error);
  kill_();
}

awaitable<void> Collector::read_channel(asio::posix::stream_descriptor& channel) {
  std::vector<char> chunk(kChunk);
  while (true) {
    error_code ec;
    const std::size_t n = co_await channel.async_read_some(
        asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, ec));
    if (ec) break;
    if (collected_.report.broken)
      continue;  // read on, so that the run does not block before it dies
    std::vector<sandbox::Frame> frames;
    auto fed = parser_.feed({chunk.data(), n}, frames);
    co_await take_frames(frames);
    if (!fed) break_off(fed.error());
  }
  if (!collected_.report.broken && !parser_.at_boundary()) {
    collected_.report.broken = fail(ErrorCode::invalid_request, "the result was cut off");
  }
}

awaitable<void> Collector::take_frames(std::vector<sandbox::Frame>& frames) {
  for (sandbox::Frame& frame : frames) {
    switch (frame.type) {
      case sandbox::Frame::Type::progress:
        sink_.progress(on_one_line(std::move(frame.payload)));
        break;
      case sandbox::Frame::Type::importing:
        collected_.report.importing = std::move(frame.payload);
        break;
      case sandbox::Frame::Type::result:
        co_await take_result(std::move(frame.payload));
        break;
      case sandbox::Frame::Type::failure:
        collected_.report.failure_json = std::move(frame.payload);
        break;
      case sandbox::Frame::Type::checkpoint_begin:
      case sandbox::Frame::Type::checkpoint_data:
      case sandbox::Frame::Type::checkpoint_end:
        co_await checkpoints_.accept(frame);
        break;
      default:
        if (collected_.storage_error) break;
        if (const auto kept = co_await artifacts_.accept(frame); !kept) {
          collected_.storage_error = kept.error();
          kill_();
        }
    }
  }
}

awaitable<void> Collector::take_result(std::string json) {
  auto result = co_await base::beside_loop<std::string>(
      threads_, json.size(), [&json]() -> Result<std::string> {
        if (const auto valid = sandbox::check_json(json); !valid) return valid.error();
        return on_one_line(std::move(json));
      });
  if (!result && result.error().code == ErrorCode::deadline_exceeded) {  // not the run's fault
    collected_.storage_error = result.error();
    kill_();
  } else if (!result) {
    break_off(result.error());
  } else {
    collected_.report.result = std::move(*result);
  }
}

awaitable<void> Collector::read_log(asio::posix::stream_descriptor& log) {
  std::vector<char> chunk(kChunk);
  while (true) {
    error_code ec;
    const std::size_t n = co_await log.async_read_some(
        asio::buffer(chunk), asio::redirect_error(asio::use_awaitable, ec));
    if (ec) break;
    if (!collected_.report.log_overflow) add_log(log_text_.add({chunk.data(), n}));
  }
  if (!collected_.report.log_overflow) add_log(log_text_.finish());
}

void Collector::add_log(const std::string& text) {
  if (text.empty()) return;
  const std::size_t room = log_limit_ - collected_.log.size();
  std::string_view part = text;
  if (part.size() > room) {
    part = part.substr(0, room);
    while (!part.empty() && (static_cast<unsigned char>(text[part.size()]) & 0xc0) == 0x80) {
      part.remove_suffix(1);  // not in the middle of a character
    }
    collected_.report.log_overflow = true;
    kill_();
  }
  collected_.log += part;
  if (!part.empty()) sink_.log(part);
}

}  // namespace mecapy::worker
