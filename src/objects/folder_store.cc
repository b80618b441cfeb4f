// The object store over a folder: each call checks what it was given and does its work on a pool.
#include <utility>

#include "base/id.h"
#include "base/offload.h"
#include "objects/folder.h"
#include "objects/folder_walk.h"
#include "objects/key.h"
#include "objects/objects.h"

namespace mecapy::objects {
namespace {

namespace asio = boost::asio;
using base::offload;

constexpr std::size_t kThreads = 2;

class FolderWriter final : public Writer {
 public:
  FolderWriter(Folder& folder, std::shared_ptr<asio::thread_pool> pool, std::string key,
               std::shared_ptr<TempFile> file)
      : folder_(folder), pool_(std::move(pool)), key_(std::move(key)), file_(std::move(file)) {}

  // The file is removed on the pool, or with it.
  ~FolderWriter() override {
    asio::post(*pool_, [file = std::move(file_)] {});
  }

  awaitable<Result<void>> append(std::string bytes, base::Deadline deadline) override {
    return offload<void>(*pool_, deadline,
                         [file = file_, bytes = std::move(bytes)] { return file->append(bytes); });
  }

  awaitable<Result<void>> commit(base::Deadline deadline) override {
    return offload<void>(*pool_, deadline,
                         [&folder = folder_, file = file_, key = key_]() -> Result<void> {
                           if (auto synced = file->sync(); !synced) return synced;
                           return folder.link(*file, key);
                         });
  }

 private:
  Folder& folder_;
  std::shared_ptr<asio::thread_pool> pool_;
  std::string key_;
  std::shared_ptr<TempFile> file_;
};

// The walk begins at the first call.
class FolderListing final : public Listing {
 public:
  using Batch = std::optional<std::vector<Listed>>;

  FolderListing(const Folder& folder, asio::thread_pool& pool, std::string key)
      : folder_(folder), pool_(pool), walk_(std::make_shared<Walk>()) {
    walk_->key = std::move(key);
  }

  awaitable<Result<Batch>> next(int limit, base::Deadline deadline) override {
    return offload<Batch>(pool_, deadline, [&folder = folder_, walk = walk_, limit] {
      return step(folder, *walk, limit);
    });
  }

 private:
  struct Walk {
    std::string key;
    std::optional<FolderWalk> below{};
    bool at_end = false;
  };

  static Result<Batch> step(const Folder& folder, Walk& walk, int limit) {
    if (walk.at_end) return Batch();
    if (!walk.below) {
      auto start = folder.open_folder(walk.key);
      if (!start) return start.error();
      walk.below.emplace(std::move(*start), walk.key + "/");
    }
    auto found = walk.below->next(limit);
    if (!found) return found.error();
    walk.at_end = found->at_end;
    return Batch(std::move(found->objects));
  }

  const Folder& folder_;
  asio::thread_pool& pool_;
  std::shared_ptr<Walk> walk_;
};

Result<void> put_object(Folder& folder, const std::string& key, const std::string& bytes) {
  const auto file = folder.make_temp();
  if (!file) return file.error();
  if (auto appended = (*file)->append(bytes); !appended) return appended;
  if (auto synced = (*file)->sync(); !synced) return synced;
  return folder.link(**file, key);
}

Result<std::string> get_object(const Folder& folder, const std::string& key, std::int64_t max) {
  const auto object = folder.open_object(key);
  if (!object) return object.error();
  const auto size = object_size(*object);
  if (!size) return size.error();
  if (*size > max) {
    return fail(ErrorCode::too_large, "the object has " + std::to_string(*size) +
                                          " bytes, more than the " + std::to_string(max) +
                                          " expected");
  }
  return read_object(*object, 0, *size);
}

Result<void> try_folder(Folder& folder) {
  const std::string key = "ping/" + base::random_hex(16);
  if (auto put = put_object(folder, key, key); !put) return put;
  const auto got = get_object(folder, key, static_cast<std::int64_t>(key.size()));
  if (auto removed = folder.remove(key); !removed) return removed;
  if (got && *got == key) return {};
  return fail(ErrorCode::storage, "the object folder does not give back what was put in it");
}

class FolderStore final : public ObjectStore {
 public:
  explicit FolderStore(std::unique_ptr<Folder> folder) : folder_(std::move(folder)) {}

  ~FolderStore() override { pool_->join(); }

  awaitable<Result<std::unique_ptr<Writer>>> create(std::string key,
                                                    base::Deadline deadline) override {
    using Made = std::unique_ptr<Writer>;
    return offload<Made>(*pool_, deadline, [this, key = std::move(key)]() -> Result<Made> {
      if (auto parts = parse_key(key); !parts) return parts.error();
      if (folder_->open_object(key)) return exists();
      auto file = folder_->make_temp();
      if (!file) return file.error();
      return Made(std::make_unique<FolderWriter>(*folder_, pool_, key, std::move(*file)));
    });
  }

  awaitable<Result<void>> put(std::string key, std::string bytes,
                              base::Deadline deadline) override {
    return offload<void>(*pool_, deadline,
                         [this, key = std::move(key), bytes = std::move(bytes)]() -> Result<void> {
                           if (auto parts = parse_key(key); !parts) return parts.error();
                           if (folder_->open_object(key)) return exists();
                           return put_object(*folder_, key, bytes);
                         });
  }

  awaitable<Result<ObjectInfo>> stat(std::string key, base::Deadline deadline) override {
    return offload<ObjectInfo>(*pool_, deadline,
                               [this, key = std::move(key)]() -> Result<ObjectInfo> {
                                 const auto object = folder_->open_object(key);
                                 if (!object) return object.error();
                                 const auto size = object_size(*object);
                                 if (!size) return size.error();
                                 return ObjectInfo{*size};
                               });
  }

  awaitable<Result<std::string>> read(std::string key, std::int64_t offset, std::int64_t length,
                                      base::Deadline deadline) override {
    return offload<std::string>(
        *pool_, deadline, [this, key = std::move(key), offset, length]() -> Result<std::string> {
          if (offset < 0 || length < 0) {
            return fail(ErrorCode::invalid_request, "a range of an object starts at 0 or later");
          }
          const auto object = folder_->open_object(key);
          if (!object) return object.error();
          return read_object(*object, offset, length);
        });
  }

  awaitable<Result<std::string>> get(std::string key, std::int64_t max,
                                     base::Deadline deadline) override {
    return offload<std::string>(*pool_, deadline, [this, key = std::move(key), max] {
      return get_object(*folder_, key, max);
    });
  }

  awaitable<Result<void>> remove(std::string key, base::Deadline deadline) override {
    return offload<void>(*pool_, deadline,
                         [this, key = std::move(key)] { return folder_->remove(key); });
  }

  std::unique_ptr<Listing> list(std::string folder) override {
    return std::make_unique<FolderListing>(*folder_, *pool_, std::move(folder));
  }

  awaitable<Result<void>> ping(base::Deadline deadline) override {
    return offload<void>(*pool_, deadline, [this] { return try_folder(*folder_); });
  }

 private:
  // Found before writing, to save the writing; link() is what makes sure.
  static Error exists() { return fail(ErrorCode::conflict, "this object exists already"); }

  std::unique_ptr<Folder> folder_;
  std::shared_ptr<asio::thread_pool> pool_ = std::make_shared<asio::thread_pool>(kThreads);
};

}  // namespace

Result<std::unique_ptr<ObjectStore>> open_folder(const std::string& folder) {
  auto opened = Folder::open(folder);
  if (!opened) return opened.error();
  return std::make_unique<FolderStore>(std::move(*opened));
}

}  // namespace mecapy::objects
