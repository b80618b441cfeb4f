// The object store over a bucket of S3.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <utility>

#include "base/id.h"
#include "base/offload.h"
#include "base/sha256.h"
#include "objects/key.h"
#include "objects/objects.h"
#include "objects/s3_client.h"
#include "objects/spool.h"

namespace mecapy::objects {
namespace {

namespace asio = boost::asio;
using base::offload;

constexpr std::int64_t kPart = 64 << 20;  // at most 1,000 of them: 62 GiB
constexpr std::chrono::seconds kAbort{10};

Error committed() { return fail(ErrorCode::conflict, "the object was committed already"); }

Result<void> check_deadline(base::Deadline deadline) {
  if (std::chrono::steady_clock::now() < deadline) return {};
  return fail(ErrorCode::deadline_exceeded, "the deadline passed before the work began");
}

// What is wrong with a call before anything is sent.
Result<void> check(const std::string& key, base::Deadline deadline) {
  if (const auto parts = parse_key(key); !parts) return parts.error();
  return check_deadline(deadline);
}

// Up to kPart bytes are one PUT at the commit; beyond, each kPart of them is sent as a part when it
// is there.
class S3Writer final : public Writer {
 public:
  S3Writer(std::shared_ptr<S3Client> client, std::shared_ptr<asio::thread_pool> pool,
           std::string key, const std::string& folder)
      : client_(std::move(client)),
        pool_(std::move(pool)),
        key_(std::move(key)),
        spool_(std::make_shared<Spool>(folder)) {}

  ~S3Writer() override {
    if (!upload_ || committed_) return;
    // What was sent is forgotten without anybody waiting, on a strand: a call has one thread at a
    // time.
    asio::co_spawn(
        asio::make_strand(*pool_),
        [client = client_, upload = *upload_]() -> awaitable<void> {
          (void)co_await client->abort(upload, base::after(kAbort));
        },
        asio::detached);
  }

  awaitable<Result<void>> append(std::string bytes, base::Deadline deadline) override {
    if (committed_) co_return committed();
    std::string_view left = bytes;
    while (!left.empty()) {
      const auto room = static_cast<std::size_t>(kPart - spool_->size());
      if (room == 0) {
        if (auto sent = co_await send_part(deadline); !sent) co_return sent;
        continue;
      }
      std::string piece(left.substr(0, room));
      left.remove_prefix(piece.size());
      auto kept = co_await offload<void>(
          *pool_, deadline,
          [spool = spool_, piece = std::move(piece)] { return spool->append(piece); });
      if (!kept) co_return kept;
    }
    co_return Result<void>{};
  }

  awaitable<Result<void>> commit(base::Deadline deadline) override {
    if (committed_) co_return committed();
    if (auto fine = check_deadline(deadline); !fine) co_return fine;
    Result<void> done;
    if (!upload_) {
      S3Body body = spool_->body();
      done = co_await client_->put(key_, std::move(body), deadline);
    } else {
      if (auto sent = co_await send_part(deadline); !sent) co_return sent;
      done = co_await client_->complete(*upload_, deadline);
    }
    committed_ = done.has_value();
    co_return done;
  }

 private:
  awaitable<Result<void>> send_part(base::Deadline deadline) {
    if (!upload_) {
      auto begun = co_await client_->begin_upload(key_, deadline);
      if (!begun) co_return begun.error();
      upload_ = std::move(*begun);
    }
    S3Body body = spool_->body();
    auto sent = co_await client_->add_part(*upload_, std::move(body), deadline);
    if (!sent) co_return sent;
    co_return spool_->clear();
  }

  std::shared_ptr<S3Client> client_;
  std::shared_ptr<asio::thread_pool> pool_;
  std::string key_;
  std::shared_ptr<Spool> spool_;
  std::optional<S3Client::Upload> upload_;
  bool committed_ = false;
};

class S3Listing final : public Listing {
 public:
  S3Listing(std::shared_ptr<S3Client> client, std::string folder)
      : client_(std::move(client)), begin_(std::move(folder) + "/") {}

  awaitable<Result<std::optional<std::vector<Listed>>>> next(int limit,
                                                             base::Deadline deadline) override {
    if (at_end_) co_return std::optional<std::vector<Listed>>();
    auto page = co_await client_->list(begin_, after_, limit, deadline);
    if (!page) co_return page.error();
    if (!page->next.empty() && page->next == after_) {
      co_return fail(ErrorCode::storage, "the object store gives the same page again and again");
    }
    const auto asked_for = [this](const Listed& one) { return one.key.starts_with(begin_); };
    if (!std::ranges::all_of(page->objects, asked_for)) {
      co_return fail(ErrorCode::storage, "the object store listed what was not asked for");
    }
    after_ = std::move(page->next);
    at_end_ = after_.empty();
    co_return std::optional(std::move(page->objects));
  }

 private:
  std::shared_ptr<S3Client> client_;
  std::string begin_;
  std::string after_;
  bool at_end_ = false;
};

class NoListing final : public Listing {
 public:
  explicit NoListing(Error why) : why_(std::move(why)) {}
  awaitable<Result<std::optional<std::vector<Listed>>>> next(int, base::Deadline) override {
    co_return why_;
  }

 private:
  Error why_;
};

class S3Store final : public ObjectStore {
 public:
  S3Store(std::shared_ptr<S3Client> client, std::string folder)
      : folder_(std::move(folder)), client_(std::move(client)) {}
  // Uploads that are being forgotten are waited for: their calls come back to the pool.
  ~S3Store() override { pool_->join(); }
  S3Store(const S3Store&) = delete;
  S3Store& operator=(const S3Store&) = delete;

  awaitable<Result<std::unique_ptr<Writer>>> create(std::string key,
                                                    base::Deadline deadline) override {
    if (auto fine = check(key, deadline); !fine) co_return fine.error();
    co_return std::unique_ptr<Writer>(
        std::make_unique<S3Writer>(client_, pool_, std::move(key), folder_));
  }

  awaitable<Result<void>> put(std::string key, std::string bytes,
                              base::Deadline deadline) override {
    if (auto fine = check(key, deadline); !fine) co_return fine;
    auto sha256 = co_await hash(bytes, deadline);
    if (!sha256) co_return sha256.error();
    S3Body body{std::move(bytes), std::move(*sha256)};
    co_return co_await client_->put(std::move(key), std::move(body), deadline);
  }

  awaitable<Result<ObjectInfo>> stat(std::string key, base::Deadline deadline) override {
    if (auto fine = check(key, deadline); !fine) co_return fine.error();
    co_return co_await client_->stat(std::move(key), deadline);
  }

  awaitable<Result<std::string>> read(std::string key, std::int64_t offset, std::int64_t length,
                                      base::Deadline deadline) override {
    if (auto fine = check(key, deadline); !fine) co_return fine.error();
    if (offset < 0 || length < 0) {
      co_return fail(ErrorCode::invalid_request, "a range begins at 0 or later and has a length");
    }
    if (length > 0) co_return co_await client_->read(std::move(key), offset, length, deadline);
    const auto info = co_await client_->stat(std::move(key), deadline);
    if (!info) co_return info.error();
    co_return std::string();
  }

  awaitable<Result<std::string>> get(std::string key, std::int64_t max,
                                     base::Deadline deadline) override {
    if (auto fine = check(key, deadline); !fine) co_return fine.error();
    auto object = co_await client_->get(std::move(key), max, deadline);
    if (!object) co_return object.error();
    if (object->sha256.empty()) co_return std::move(object->bytes);
    const auto sha256 = co_await hash(object->bytes, deadline);
    if (!sha256) co_return sha256.error();
    if (*sha256 == object->sha256) co_return std::move(object->bytes);
    co_return fail(ErrorCode::storage, "the object is not what was stored: its SHA-256 differs");
  }

  awaitable<Result<void>> remove(std::string key, base::Deadline deadline) override {
    if (auto fine = check(key, deadline); !fine) co_return fine;
    co_return co_await client_->remove(std::move(key), deadline);
  }

  std::unique_ptr<Listing> list(std::string folder) override {
    if (const auto parts = parse_key(folder); !parts) {
      return std::make_unique<NoListing>(parts.error());
    }
    return std::make_unique<S3Listing>(client_, std::move(folder));
  }

  std::optional<Traffic> traffic() const override { return client_->traffic(); }

  awaitable<Result<void>> ping(base::Deadline deadline) override {
    std::string key = "ping/" + base::random_hex(16);
    if (auto done = co_await put(key, key, deadline); !done) co_return done;
    const auto got = co_await get(key, 1000, deadline);
    if (auto removed = co_await remove(key, deadline); !removed) co_return removed;
    if (got && *got == key) co_return Result<void>{};
    co_return fail(ErrorCode::storage, "the bucket does not give back what was put in it");
  }

  std::optional<std::string> link(const std::string& key, const std::string& file_name,
                                  const std::string& content_type,
                                  std::chrono::seconds life) const override {
    if (!parse_key(key)) return std::nullopt;
    return client_->link(key, file_name, content_type, life);
  }
  std::optional<Grant> grant_put(const std::string& key, const ObjectInfo& object,
                                 std::chrono::seconds life) const override {
    if (!parse_key(key)) return std::nullopt;
    return client_->grant_put(key, object, life);
  }
  std::optional<Grant> grant_get(const std::string& key, std::chrono::seconds life) const override {
    if (!parse_key(key)) return std::nullopt;
    return client_->grant_get(key, life);
  }

 private:
  awaitable<Result<std::string>> hash(const std::string& bytes, base::Deadline deadline) {
    return base::beside_loop<std::string>(
        *pool_, bytes.size(), [&bytes]() -> Result<std::string> { return base::sha256_hex(bytes); },
        deadline);
  }

  std::string folder_;
  std::shared_ptr<S3Client> client_;
  std::shared_ptr<asio::thread_pool> pool_ = std::make_shared<asio::thread_pool>(2);
};

}  // namespace

Result<std::unique_ptr<ObjectStore>> open_s3(S3Options options) {
  auto address = parse_s3_address(options.url);
  if (!address) return address.error();
  if (options.access_key.empty() || options.secret_key.empty()) {
    return fail(ErrorCode::usage, "objects in S3 need objects.access_key and objects.secret_key");
  }
  auto client = std::make_shared<S3Client>(
      std::move(*address), S3Keys{std::move(options.access_key), std::move(options.secret_key)});
  return std::make_unique<S3Store>(std::move(client), std::move(options.spool_folder));
}

}  // namespace mecapy::objects
