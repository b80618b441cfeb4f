#include "base/file_name.h"
#include "worker/collector.h"

namespace mecapy::worker {
namespace {

constexpr std::chrono::seconds kStoreDeadline{30};

}  // namespace

ArtifactKeeper::ArtifactKeeper(objects::ObjectStore& objects, std::string key_prefix)
    : objects_(objects), key_prefix_(std::move(key_prefix)) {}

ArtifactKeeper::~ArtifactKeeper() = default;

awaitable<Result<void>> ArtifactKeeper::accept(const sandbox::Frame& frame) {
  switch (frame.type) {
    case sandbox::Frame::Type::artifact_begin:
      co_return co_await begin(frame.payload);
    case sandbox::Frame::Type::artifact_data:
      co_return co_await data(frame.payload);
    case sandbox::Frame::Type::artifact_end:
      co_return co_await end();
    default:
      co_return Result<void>{};
  }
}

awaitable<Result<void>> ArtifactKeeper::begin(const std::string& name) {
  open_ = {};
  open_.name = name;  // checked by the frame parser
  open_.key = key_prefix_ + open_.name;
  open_.content_type = base::media_type(open_.name);
  digest_.reset();
  auto writer = co_await objects_.create(open_.key, base::after(kStoreDeadline));
  if (!writer) co_return writer.error();
  writer_ = std::move(*writer);
  co_return Result<void>{};
}

awaitable<Result<void>> ArtifactKeeper::data(const std::string& bytes) {
  open_.size += static_cast<std::int64_t>(bytes.size());
  digest_.add(bytes);
  return writer_->append(bytes, base::after(kStoreDeadline));
}

awaitable<Result<void>> ArtifactKeeper::end() {
  auto kept = co_await writer_->commit(base::after(kStoreDeadline));
  writer_.reset();
  if (!kept) co_return kept.error();
  open_.sha256 = digest_.hex();
  bytes_ += open_.size;
  done_.push_back(std::move(open_));
  co_return Result<void>{};
}

}  // namespace mecapy::worker
