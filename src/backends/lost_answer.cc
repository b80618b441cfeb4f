#include "backends/lost_answer.h"

#include <utility>

#include "base/file_name.h"
#include "base/log.h"
#include "base/sha256.h"
#include "wire/json.h"

namespace mecapy::backends {
namespace {

constexpr std::chrono::seconds kStoreDeadline{60};
constexpr std::int64_t kPiece = 1 << 20;
constexpr int kPage = 500;

using objects::ObjectStore;

// The artifact that the object `key` is, with the hash of its bytes. storage when that is not the
// one they were written with.
awaitable<Result<model::Artifact>> describe(ObjectStore& objects, std::string key,
                                            std::string name) {
  model::Artifact artifact{std::move(name), 0, "", "", std::move(key)};
  artifact.content_type = base::media_type(artifact.name);
  base::Sha256 hash;
  while (true) {
    auto piece =
        co_await objects.read(artifact.key, artifact.size, kPiece, base::after(kStoreDeadline));
    if (!piece) co_return piece.error();
    hash.add(*piece);
    artifact.size += static_cast<std::int64_t>(piece->size());
    if (static_cast<std::int64_t>(piece->size()) < kPiece) break;
  }
  artifact.sha256 = hash.hex();
  const auto written = co_await objects.stat(artifact.key, base::after(kStoreDeadline));
  if (!written) co_return written.error();
  if (!written->sha256.empty() && written->sha256 != artifact.sha256) {
    base::log_error("an object is not what was stored: its SHA-256 differs",
                    {{"key", artifact.key}});
    co_return fail(ErrorCode::storage, "a file is not what was stored");
  }
  co_return artifact;
}

awaitable<Result<std::vector<model::Artifact>>> find_artifacts(ObjectStore& objects,
                                                               std::string folder) {
  std::vector<model::Artifact> found;
  const std::unique_ptr<objects::Listing> listing = objects.list(folder);
  while (true) {
    auto page = co_await listing->next(kPage, base::after(kStoreDeadline));
    if (!page) co_return page.error();
    if (!*page) co_return found;
    for (objects::Listed& one : **page) {
      std::string name = one.key.substr(folder.size() + 1);
      if (!model::is_artifact_name(name)) continue;
      auto artifact = co_await describe(objects, std::move(one.key), std::move(name));
      if (!artifact) co_return artifact.error();
      found.push_back(std::move(*artifact));
    }
  }
}

}  // namespace

awaitable<Result<model::Payload>> read_result(ObjectStore& objects, std::string key, Sizes sizes) {
  auto text = co_await objects.get(key, sizes.max, base::after(kStoreDeadline));
  if (!text) co_return text.error();
  if (const auto valid = wire::validate_json(*text); !valid) co_return valid.error();
  if (static_cast<std::int64_t>(text->size()) > sizes.inline_limit) {
    co_return model::Payload{"", std::move(key)};
  }
  co_return model::Payload{std::move(*text), ""};
}

awaitable<Result<std::optional<model::RunEnd>>> find_end(ObjectStore& objects,
                                                         const model::Job& job, Sizes sizes) {
  const std::string stem = model::object_stem(job.run_id.str(), job.attempt);
  auto result = co_await read_result(objects, "results/" + stem + ".json", sizes);
  if (!result && result.error().code == ErrorCode::not_found) {
    co_return std::optional<model::RunEnd>();
  }
  if (!result) co_return result.error();
  model::RunEnd end;
  end.status = model::RunStatus::completed;
  end.result = std::move(*result);
  auto artifacts = co_await find_artifacts(objects, "artifacts/" + stem);
  if (!artifacts) co_return artifacts.error();
  end.artifacts = std::move(*artifacts);
  std::string log = "logs/" + stem + ".txt";
  const auto kept = co_await objects.stat(log, base::after(kStoreDeadline));
  if (kept) end.log.key = std::move(log);
  if (!kept && kept.error().code != ErrorCode::not_found) co_return kept.error();
  co_return std::optional(std::move(end));
}

}  // namespace mecapy::backends
