#include "api/object_reader.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace mecapy::api {
namespace {

constexpr std::chrono::seconds kStoreDeadline{30};

}  // namespace

awaitable<Result<ObjectReader>> ObjectReader::open(objects::ObjectStore& objects, std::string key,
                                                   std::string sha256) {
  auto info = co_await objects.stat(key, base::after(kStoreDeadline));
  if (!info) co_return info.error();
  if (sha256.empty()) sha256 = std::move(info->sha256);
  co_return ObjectReader(objects, std::move(key), info->size, std::move(sha256));
}

awaitable<Result<std::string>> ObjectReader::next(std::int64_t length) {
  if (size_ == 0) co_return checked("");
  length = std::min(length, size_ - at_);
  if (length <= 0) co_return std::string();
  auto piece = co_await objects_->read(key_, at_, length, base::after(kStoreDeadline));
  if (!piece) co_return piece.error();
  if (static_cast<std::int64_t>(piece->size()) != length) {
    co_return fail(ErrorCode::storage, "an object is shorter than it was");
  }
  at_ += length;
  co_return checked(std::move(*piece));
}

Result<std::string> ObjectReader::checked(std::string piece) {
  if (sha256_.empty()) return piece;
  hash_.add(piece);
  if (at_ < size_ || hash_.hex() == sha256_) return piece;
  base::log_error("an object is not what was stored: its SHA-256 differs", {{"key", key_}});
  return fail(ErrorCode::storage, "an object is not what was stored");
}

awaitable<Result<void>> ObjectReader::skip_to(std::int64_t at, std::int64_t length) {
  at = std::min(at, size_);
  if (sha256_.empty()) at_ = std::max(at_, at);
  while (at_ < at) {
    const auto passed = co_await next(std::min(length, at - at_));
    if (!passed) co_return passed.error();
  }
  co_return Result<void>{};
}

}  // namespace mecapy::api
