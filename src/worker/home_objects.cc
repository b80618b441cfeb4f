#include "worker/home_objects.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/fd.h"
#include "base/log.h"
#include "base/sha256.h"
#include "wire/json.h"

namespace mecapy::worker {
namespace {

constexpr std::int64_t kPiece = 1 << 20;
constexpr std::int64_t kAskFrom = 1 << 20;  // bytes: of smaller ones home is not asked for a link
constexpr std::int64_t kMostOfAnAnswer = 1 << 16;
constexpr int kTries = 3;  // of a link, before the bytes go through home

Error unsupported() { return fail(ErrorCode::internal, "not among what home does"); }

// What home says of an object that is to be written.
struct Told {
  std::optional<std::int64_t> have{};
  bool done = false;
  std::string url{};  // by which it may be written; "" for none
  net::Headers headers{};
};

std::string text_of(std::string_view raw) {
  boost::system::error_code failed;
  const auto value = boost::json::parse(boost::json::string_view(raw.data(), raw.size()), failed);
  return !failed && value.is_string() ? std::string(value.get_string()) : std::string();
}

Told told_of(const net::Response& response) {
  Told told;
  if (!wire::validate_json(response.body)) return told;
  const auto members = wire::object_members(response.body);
  if (!members) return told;
  for (const wire::Member& member : *members) {
    if (member.key == "have") told.have = std::atoll(std::string(member.raw).c_str());
    if (member.key == "done") told.done = member.raw == "true";
    if (member.key == "url") told.url = text_of(member.raw);
    if (member.key != "headers") continue;
    const auto headers = wire::object_members(member.raw);
    if (!headers) continue;
    for (const wire::Member& header : *headers) {
      // The length is told by who sends it.
      if (header.key != "content-length")
        told.headers.emplace_back(header.key, text_of(header.raw));
    }
  }
  return told;
}

void warn_of_link(const std::string& key, const std::string& why) {
  base::log_warn("a link does not work, the bytes go through home", {{"key", key}, {"why", why}});
}

class HomeWriter final : public objects::Writer {
 public:
  HomeWriter(HomeCalls& calls, std::string key, base::Fd file)
      : calls_(calls), key_(std::move(key)), file_(std::move(file)) {}

  awaitable<Result<void>> append(std::string bytes, base::Deadline) override {
    if (committed_) co_return fail(ErrorCode::conflict, "it is committed");
    std::string_view left = bytes;
    while (!left.empty()) {
      const ssize_t n = ::pwrite(file_.get(), left.data(), left.size(), size_);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) co_return fail(ErrorCode::storage, std::string("spool: ") + std::strerror(errno));
      digest_.add(left.substr(0, static_cast<std::size_t>(n)));
      size_ += n;
      left.remove_prefix(static_cast<std::size_t>(n));
    }
    co_return Result<void>{};
  }

  awaitable<Result<void>> commit(base::Deadline) override {
    if (committed_) co_return fail(ErrorCode::conflict, "it is committed");
    if (size_ >= kAskFrom && co_await by_link()) {
      committed_ = true;
      co_return Result<void>{};
    }
    const base::Deadline give_up = base::after(calls_.options().patience);
    std::int64_t at = 0;
    while (true) {
      const std::int64_t piece = std::min(kPiece, size_ - at);
      const bool last = at + piece == size_;
      auto answer = co_await calls_.call(
          "PUT",
          "/home/objects/" + key_ + "?offset=" + std::to_string(at) + "&last=" + (last ? "1" : "0"),
          net::FilePart{file_.get(), at, piece});
      if (!answer) co_return fail(ErrorCode::storage, answer.error().message);
      if (answer->status == 200 && last) break;
      // A home that was started again has forgotten what came before.
      const auto have = told_of(*answer).have;
      const bool goes_on = have && *have >= 0 && *have <= size_ &&
                           (answer->status == 200 || answer->status == 409) &&
                           std::chrono::steady_clock::now() < give_up;
      if (!goes_on) co_return fail(ErrorCode::storage, "home: " + told_by(*answer));
      at = *have;
    }
    committed_ = true;
    co_return Result<void>{};
  }

 private:
  // What home says of the object: before, by which link it may be written; afterwards, whether it
  // is there.
  awaitable<Told> ask() {
    const std::string path =
        "/home/objects/" + key_ + "?size=" + std::to_string(size_) + "&sha256=" + digest_.hex();
    auto answer = co_await calls_.call("POST", path, std::string());
    if (!answer || answer->status != 200) co_return Told{};
    co_return told_of(*answer);
  }

  // Whether it is there, written by a link.
  awaitable<bool> by_link() {
    for (int tries = 0; tries < kTries; ++tries) {
      Told told = co_await ask();
      if (told.done) co_return true;
      if (told.url.empty()) co_return false;
      auto answer = co_await calls_.follow("PUT", std::move(told.url), std::move(told.headers),
                                           net::FilePart{file_.get(), 0, size_}, kMostOfAnAnswer);
      // 412: it is there, by an earlier try whose answer was lost.
      const bool put = answer && (answer->status == 200 || answer->status == 412);
      if (put && (co_await ask()).done) co_return true;
      warn_of_link(key_,
                   answer ? "status " + std::to_string(answer->status) : answer.error().message);
    }
    co_return false;
  }

  HomeCalls& calls_;
  std::string key_;
  base::Fd file_;
  base::Sha256 digest_;
  std::int64_t size_ = 0;
  bool committed_ = false;
};

class HomeObjects final : public objects::ObjectStore {
 public:
  HomeObjects(HomeCalls& calls, std::string spool_folder)
      : calls_(calls), spool_folder_(std::move(spool_folder)) {}

  awaitable<Result<std::unique_ptr<objects::Writer>>> create(std::string key,
                                                             base::Deadline) override {
    base::Fd file(::open(spool_folder_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!file) {
      co_return fail(ErrorCode::storage,
                     "no spool in " + spool_folder_ + ": " + std::strerror(errno));
    }
    co_return std::make_unique<HomeWriter>(calls_, std::move(key), std::move(file));
  }
  awaitable<Result<void>> put(std::string key, std::string bytes,
                              base::Deadline deadline) override {
    auto writer = co_await create(std::move(key), deadline);
    if (!writer) co_return writer.error();
    auto done = co_await (*writer)->append(std::move(bytes), deadline);
    if (done) done = co_await (*writer)->commit(deadline);
    co_return done;
  }
  awaitable<Result<std::string>> get(std::string key, std::int64_t max, base::Deadline) override {
    const std::string path = "/home/objects/" + key;
    auto answer = co_await calls_.call("GET", path, std::string(), max);
    if (answer && answer->status == 307) {
      const std::string url(net::find_header(answer->headers, "location").value_or(""));
      auto there = co_await calls_.follow("GET", url, {}, std::string(), max);
      if (there && there->status == 200) co_return std::move(there->body);
      warn_of_link(key, there ? "status " + std::to_string(there->status) : there.error().message);
      answer = co_await calls_.call("GET", path + "?link=0", std::string(), max);
    }
    if (!answer) co_return fail(ErrorCode::storage, answer.error().message);
    if (answer->status == 404) co_return fail(ErrorCode::not_found, "home: " + told_by(*answer));
    if (answer->status != 200) co_return fail(ErrorCode::storage, "home: " + told_by(*answer));
    co_return std::move(answer->body);
  }
  awaitable<Result<std::string>> read(std::string key, std::int64_t offset, std::int64_t length,
                                      base::Deadline deadline) override {
    if (offset != 0) co_return unsupported();
    co_return co_await get(std::move(key), length, deadline);
  }

  awaitable<Result<objects::ObjectInfo>> stat(std::string, base::Deadline) override {
    co_return unsupported();
  }
  awaitable<Result<void>> remove(std::string, base::Deadline) override { co_return unsupported(); }
  std::unique_ptr<objects::Listing> list(std::string) override { return nullptr; }
  awaitable<Result<void>> ping(base::Deadline) override { co_return unsupported(); }

 private:
  HomeCalls& calls_;
  std::string spool_folder_;
};

}  // namespace

std::unique_ptr<objects::ObjectStore> make_home_objects(HomeCalls& calls,
                                                        std::string spool_folder) {
  return std::make_unique<HomeObjects>(calls, std::move(spool_folder));
}

}  // namespace mecapy::worker
