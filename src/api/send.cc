// Answers that may be large: an object goes from the store to the client piece by piece, so that a
// client who reads slowly holds one piece of memory, not the whole.
#include "api/object_reader.h"
#include "api/routes.h"
#include "wire/api_json.h"

namespace mecapy::api {
namespace {

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

// The object's bytes from its first piece on; false when the answer ends early. Its length tells
// the client.
awaitable<bool> send_pieces(Api& api, net::ResponseStream& out, ObjectReader object,
                            std::string piece) {
  PieceSize next_size(api);
  while (!piece.empty()) {
    const auto begin = std::chrono::steady_clock::now();
    if (const auto sent = co_await out.write(piece); !sent) co_return false;
    next_size.taken_within(std::chrono::steady_clock::now() - begin);
    auto next = co_await object.next(next_size.bytes());
    if (!next) co_return false;
    piece = std::move(*next);
  }
  co_return true;
}

}  // namespace

awaitable<Answer> send_object(Api& api, Call& call, net::Response head, std::string key,
                              wire::Around around, std::string sha256) {
  auto object =
      co_await ObjectReader::open(Routes::parts(api).objects, std::move(key), std::move(sha256));
  if (!object) co_return object.error();
  // Read before the head is sent: a store that fails is still an error with a status.
  auto piece = co_await object->next(kPiece);
  if (!piece) co_return piece.error();
  const auto length =
      static_cast<std::int64_t>(around.before.size() + around.after.size()) + object->size();
  head.headers.insert(head.headers.end(), call.headers.begin(), call.headers.end());
  auto out = co_await call.exchange.start_stream(std::move(head), length);
  if (call.request().method == "HEAD") co_return std::optional<net::Response>();
  auto sent = co_await out->write(around.before);
  if (!sent) co_return std::optional<net::Response>();
  const bool whole = co_await send_pieces(api, *out, std::move(*object), std::move(*piece));
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
