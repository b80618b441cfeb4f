#include "worker/home_objects.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/fd.h"
#include "wire/json.h"

namespace mecapy::worker {
namespace {

constexpr std::int64_t kPiece = 1 << 20;

Error unsupported() { return fail(ErrorCode::internal, "not among what home does"); }

// `have` of an answer; nothing when it has none.
std::optional<std::int64_t> have_of(const net::Response& response) {
  if (!wire::validate_json(response.body)) return std::nullopt;
  const auto members = wire::object_members(response.body);
  if (!members) return std::nullopt;
  for (const wire::Member& member : *members) {
    if (member.key == "have") return std::atoll(std::string(member.raw).c_str());
  }
  return std::nullopt;
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
      size_ += n;
      left.remove_prefix(static_cast<std::size_t>(n));
    }
    co_return Result<void>{};
  }

  awaitable<Result<void>> commit(base::Deadline) override {
    if (committed_) co_return fail(ErrorCode::conflict, "it is committed");
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
      const auto have = have_of(*answer);
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
  HomeCalls& calls_;
  std::string key_;
  base::Fd file_;
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
    auto answer = co_await calls_.call("GET", "/home/objects/" + key, std::string(), max);
    if (!answer) co_return fail(ErrorCode::storage, answer.error().message);
    if (answer->status != 200) co_return fail(ErrorCode::storage, "home: " + told_by(*answer));
    co_return std::move(answer->body);
  }

  awaitable<Result<objects::ObjectInfo>> stat(std::string, base::Deadline) override {
    co_return unsupported();
  }
  awaitable<Result<std::string>> read(std::string, std::int64_t, std::int64_t,
                                      base::Deadline) override {
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
