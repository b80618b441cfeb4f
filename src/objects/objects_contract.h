// The tests every object store must pass. An implementation gives its factory:
//   INSTANTIATE_TEST_SUITE_P(Folder, ObjectsContract, testing::Values(ObjectsFactory{...}));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <set>
#include <string>

#include "base/test_await.h"
#include "objects/objects.h"

namespace mecapy::objects {

using base::await;
using base::await_all;

struct ObjectsFactory {
  std::string name;
  // An empty object store of its own for each call; what it stands on goes with it.
  std::function<std::shared_ptr<ObjectStore>()> make;
  // Whether of several writers of one key at the same moment exactly one is told that it won. S3
  // says so; versitygw over a folder looks and writes in two steps.
  bool decides_races = true;
};

inline std::ostream& operator<<(std::ostream& out, const ObjectsFactory& factory) {
  return out << factory.name;
}

class ObjectsContract : public testing::TestWithParam<ObjectsFactory> {
 protected:
  // Long enough for any test.
  static base::Deadline soon() { return base::after(std::chrono::minutes(2)); }

  Result<void> put(const std::string& key, const std::string& bytes) {
    return await(objects_->put(key, bytes, soon()));
  }
  Result<std::string> get(const std::string& key, std::int64_t max = 1 << 20) {
    return await(objects_->get(key, max, soon()));
  }
  Result<std::string> read(const std::string& key, std::int64_t offset, std::int64_t length) {
    return await(objects_->read(key, offset, length, soon()));
  }
  // Every key below `folder`, found `limit` at a time.
  std::multiset<std::string> list(const std::string& folder, int limit = 100) {
    std::multiset<std::string> keys;
    const auto listing = objects_->list(folder);
    while (const auto batch = await(listing->next(limit, soon())).value()) {
      EXPECT_LE(batch->size(), static_cast<std::size_t>(limit));
      for (const Listed& object : *batch) keys.insert(object.key);
    }
    return keys;
  }
  // What stat says: the size, or the error.
  Result<std::int64_t> size(const std::string& key) {
    const auto info = await(objects_->stat(key, soon()));
    if (!info) return info.error();
    return info->size;
  }
  std::unique_ptr<Writer> create(const std::string& key) {
    return await(objects_->create(key, soon())).value();
  }

  std::shared_ptr<ObjectStore> objects_ = GetParam().make();
};

}  // namespace mecapy::objects
