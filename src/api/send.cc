// Answers that may be large: an object goes from the store to the client piece by piece, so that a
// client who reads slowly holds one piece of memory, not the whole.
#include "api/routes.h"
#include "base/log.h"
#include "base/sha256.h"
#include "wire/api_json.h"

namespace mecapy::api {
namespace {

constexpr std::chrono::seconds kStoreDeadline{30};
constexpr std::chrono::milliseconds kAtOnce{100};

// How much is read next: more for a client who takes it at once, as long as all who do hold no
// more than they may.
class PieceSize {
 public:
  explicit PieceSize(Api& api) : held_(Routes::large_pieces(api)) {}
  ~PieceSize() { set(kPiece); }
  PieceSize(const PieceSize&) = delete;
  PieceSize& operator=(const PieceSize&) = delete;

  std::int64_t bytes() const { return bytes_; }
  void taken_within(std::chrono::steady_clock::duration time) {
    const bool larger = time < kAtOnce && held_ + kLargePiece - bytes_ <= kLargePieces;
    set(larger ? kLargePiece : kPiece);
  }

 private:
  void set(std::int64_t bytes) {
    held_ += bytes - bytes_;
    bytes_ = bytes;
  }
  std::int64_t& held_;  // beyond a piece each, by all
  std::int64_t bytes_ = kPiece;
};

awaitable<Result<std::string>> read_piece(Api& api, const std::string& key, std::int64_t at,
                                          std::int64_t length) {
  auto piece =
      co_await Routes::parts(api).objects.read(key, at, length, base::after(kStoreDeadline));
  if (!piece) co_return piece.error();
  if (static_cast<std::int64_t>(piece->size()) != length) {
    co_return fail(ErrorCode::storage, "an object is shorter than it was");
  }
  co_return std::move(*piece);
}

// An object on its way, hashed as it goes.
struct Sending {
  std::string key;
  std::int64_t size;   // bytes
  std::string sha256;  // of all its bytes; "" when nobody knows it
  base::Sha256 hash{};

  // False when `piece` is the last and the bytes are not those that were written.
  bool fits(std::int64_t at, const std::string& piece) {
    if (sha256.empty()) return true;
    hash.add(piece);
    if (at + static_cast<std::int64_t>(piece.size()) < size || hash.hex() == sha256) return true;
    base::log_error("an object is not what was stored: its SHA-256 differs", {{"key", key}});
    return false;
  }
};

// The object's bytes from its first piece on; false when the answer ends early. Its length tells
// the client.
awaitable<bool> send_pieces(Api& api, net::ResponseStream& out, Sending object, std::string piece) {
  const std::int64_t size = object.size;
  PieceSize next_size(api);
  for (std::int64_t at = 0; at < size;) {
    const auto begin = std::chrono::steady_clock::now();
    if (const auto sent = co_await out.write(piece); !sent) co_return false;
    at += static_cast<std::int64_t>(piece.size());
    if (at == size) break;
    next_size.taken_within(std::chrono::steady_clock::now() - begin);
    auto next = co_await read_piece(api, object.key, at, std::min(next_size.bytes(), size - at));
    if (!next || !object.fits(at, *next)) co_return false;
    piece = std::move(*next);
  }
  co_return true;
}

}  // namespace

awaitable<Answer> send_object(Api& api, Call& call, net::Response head, std::string key,
                              wire::Around around, std::string sha256) {
  auto info = co_await Routes::parts(api).objects.stat(key, base::after(kStoreDeadline));
  if (!info) co_return info.error();
  // Read before the head is sent: a store that fails is still an error with a status.
  auto piece = co_await read_piece(api, key, 0, std::min(kPiece, info->size));
  if (!piece) co_return piece.error();
  if (sha256.empty()) sha256 = std::move(info->sha256);
  Sending object{std::move(key), info->size, std::move(sha256)};
  if (!object.fits(0, *piece)) {
    co_return fail(ErrorCode::storage, "an object is not what was stored");
  }
  const auto length =
      static_cast<std::int64_t>(around.before.size() + around.after.size()) + info->size;
  auto out = co_await call.exchange.start_stream(std::move(head), length);
  if (call.request().method == "HEAD") co_return std::optional<net::Response>();
  auto sent = co_await out->write(around.before);
  if (!sent) co_return std::optional<net::Response>();
  const bool whole = co_await send_pieces(api, *out, std::move(object), std::move(*piece));
  if (whole) sent = co_await out->write(around.after);
  co_return std::optional<net::Response>();
}

awaitable<Answer> send_run(Api& api, Call& call, const model::Run& run) {
  const model::Payload& result = run.end.result;
  if (run.status != model::RunStatus::completed) {
    co_return json_response(200, wire::run_json(run, std::nullopt));
  }
  if (!result.stored()) co_return json_response(200, wire::run_json(run, result.inline_bytes));
  co_return co_await send_object(api, call, json_response(200, ""), result.key,
                                 wire::run_json_around_result(run));
}

awaitable<Answer> send_log(Api& api, Call& call, const model::Run& run) {
  net::Response head;
  head.content_type = "text/plain; charset=utf-8";
  if (!run.end.log.stored()) {
    head.body = run.end.log.inline_bytes;
    co_return head;
  }
  co_return co_await send_object(api, call, std::move(head), run.end.log.key, {});
}

}  // namespace mecapy::api
