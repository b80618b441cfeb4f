#include <openssl/evp.h>

#include <array>
#include <string_view>

#include "base/id.h"
#include "worker/collector.h"

namespace mecapy::worker {
namespace {

constexpr std::chrono::seconds kStoreDeadline{30};

struct MediaType {
  std::string_view ending;
  std::string_view type;
};
constexpr std::array kMediaTypes = {
    MediaType{".png", "image/png"},
    MediaType{".svg", "image/svg+xml"},
    MediaType{".pdf", "application/pdf"},
    MediaType{".csv", "text/csv"},
    MediaType{".txt", "text/plain"},
    MediaType{".json", "application/json"},
    MediaType{".jpg", "image/jpeg"},
    MediaType{".jpeg", "image/jpeg"},
    MediaType{".html", "text/html"},
    MediaType{".md", "text/markdown"},
    MediaType{".npy", "application/x-npy"},
    MediaType{".vtk", "application/x-vtk"},
    MediaType{".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    MediaType{".zip", "application/zip"},
};

std::string media_type(std::string_view name) {
  for (const MediaType& row : kMediaTypes) {
    if (name.ends_with(row.ending)) return std::string(row.type);
  }
  return "application/octet-stream";
}

}  // namespace

struct ArtifactKeeper::Digest {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> ctx{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
  Digest() { EVP_DigestInit_ex(ctx.get(), EVP_sha256(), nullptr); }
  void add(std::string_view bytes) { EVP_DigestUpdate(ctx.get(), bytes.data(), bytes.size()); }
  std::string finish() {
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    EVP_DigestFinal_ex(ctx.get(), sum, &n);
    return base::hex({reinterpret_cast<const char*>(sum), n});
  }
};

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
  open_.content_type = media_type(open_.name);
  digest_ = std::make_unique<Digest>();
  auto writer = co_await objects_.create(open_.key, base::after(kStoreDeadline));
  if (!writer) co_return writer.error();
  writer_ = std::move(*writer);
  co_return Result<void>{};
}

awaitable<Result<void>> ArtifactKeeper::data(const std::string& bytes) {
  open_.size += static_cast<std::int64_t>(bytes.size());
  digest_->add(bytes);
  return writer_->append(bytes, base::after(kStoreDeadline));
}

awaitable<Result<void>> ArtifactKeeper::end() {
  auto kept = co_await writer_->commit(base::after(kStoreDeadline));
  writer_.reset();
  if (!kept) co_return kept.error();
  open_.sha256 = digest_->finish();
  bytes_ += open_.size;
  done_.push_back(std::move(open_));
  co_return Result<void>{};
}

}  // namespace mecapy::worker
