// The objects below one folder, file by file, without ever holding a whole listing in memory.
#pragma once

#include <dirent.h>

#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "objects/objects.h"

namespace mecapy::objects {

// Not thread-safe. Blocks.
class FolderWalk {
 public:
  // `folder` is open on what the keys below `prefix` ("results/") are relative to; an empty Fd has
  // no objects.
  FolderWalk(base::Fd folder, std::string prefix);
  // The objects among the next `entries` entries; `at_end` when there were no more.
  struct Step {
    std::vector<Listed> objects{};
    bool at_end = false;
  };
  Result<Step> next(int entries);

 private:
  struct Close {
    void operator()(DIR* dir) const { ::closedir(dir); }
  };
  struct Level {
    std::unique_ptr<DIR, Close> dir;
    std::string prefix;
  };
  void enter(base::Fd folder, std::string prefix);
  void visit(const std::string& name, std::vector<Listed>& objects);

  std::vector<Level> levels_;
};

}  // namespace mecapy::objects
