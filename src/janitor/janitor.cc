#include "janitor/janitor.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mecapy::janitor {
namespace {

constexpr std::chrono::seconds kDeadline{30};
constexpr int kBatch = 256;
constexpr std::size_t kIdLength = 36;

// Keys by the run they are named after.
using KeysOfRuns = std::map<model::RunId, std::vector<std::string>>;

// The run in "results/{run}.json", "results/{run}.2.json", "artifacts/{run}.2/name"; nothing in
// what is named otherwise.
std::optional<model::RunId> run_of(std::string_view key) {
  const std::string_view name = key.substr(key.find('/') + 1);
  const std::string_view rest = name.substr(std::min(name.size(), kIdLength));
  if (!rest.starts_with('.') && !rest.starts_with('/')) return std::nullopt;
  return model::RunId::parse(name.substr(0, kIdLength));
}

KeysOfRuns old_keys(const std::vector<objects::Listed>& listed, base::TimePoint before) {
  KeysOfRuns keys;
  for (const objects::Listed& object : listed) {
    if (object.written >= before) continue;
    if (const auto run = run_of(object.key)) keys[*run].push_back(object.key);
  }
  return keys;
}

// Takes out of `keys` what `run` needs, or may still come to need.
void keep_needed(KeysOfRuns& keys, const store::RunObjects& run) {
  if (!run.ended) {
    keys.erase(run.run_id);
    return;
  }
  std::erase_if(keys.at(run.run_id), [&](const std::string& key) {
    return std::ranges::find(run.keys, key) != run.keys.end();
  });
}

awaitable<void> remove_all(objects::ObjectStore& objects, const KeysOfRuns& keys, Swept& swept) {
  for (const auto& [run, orphans] : keys) {
    for (const std::string& key : orphans) {
      const auto gone = co_await objects.remove(key, base::after(kDeadline));
      ++(gone ? swept.removed : swept.stuck);
    }
  }
}

awaitable<Result<void>> remove_orphans_of(store::Store& store, objects::ObjectStore& objects,
                                          KeysOfRuns keys, Swept& swept) {
  if (keys.empty()) co_return Result<void>{};
  std::vector<model::RunId> ids;
  for (const auto& [run, unused] : keys) ids.push_back(run);
  auto known = co_await store.run_objects(std::move(ids));
  if (!known) co_return known.error();
  for (const store::RunObjects& run : *known) keep_needed(keys, run);
  co_await remove_all(objects, keys, swept);
  co_return Result<void>{};
}

}  // namespace

awaitable<Result<Swept>> remove_orphans(store::Store& store, objects::ObjectStore& objects,
                                        base::TimePoint before) {
  Swept swept;
  for (const char* folder : {"inputs", "results", "logs", "artifacts", "checkpoints"}) {
    const auto listing = objects.list(folder);
    while (true) {
      auto batch = co_await listing->next(kBatch, base::after(kDeadline));
      if (!batch) co_return batch.error();
      if (!*batch) break;
      auto done = co_await remove_orphans_of(store, objects, old_keys(**batch, before), swept);
      if (!done) co_return done.error();
    }
  }
  co_return swept;
}

}  // namespace mecapy::janitor
