#include "objects/folder_walk.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "objects/key.h"

namespace mecapy::objects {
namespace {

base::TimePoint written_at(const struct stat& info) {
  return base::TimePoint(std::chrono::seconds(info.st_mtim.tv_sec) +
                         std::chrono::microseconds(info.st_mtim.tv_nsec / 1000));
}

}  // namespace

FolderWalk::FolderWalk(base::Fd folder, std::string prefix) {
  enter(std::move(folder), std::move(prefix));
}

void FolderWalk::enter(base::Fd folder, std::string prefix) {
  if (!folder) return;
  DIR* dir = ::fdopendir(folder.get());
  if (dir == nullptr) return;
  folder.release();  // closedir closes it
  levels_.push_back({std::unique_ptr<DIR, Close>(dir), std::move(prefix)});
}

Result<FolderWalk::Step> FolderWalk::next(int entries) {
  Step step;
  for (int i = 0; i < entries && !levels_.empty(); ++i) {
    errno = 0;
    const dirent* entry = ::readdir(levels_.back().dir.get());
    if (entry != nullptr) {
      visit(entry->d_name, step.objects);
    } else if (errno == 0) {
      levels_.pop_back();
    } else {
      return fail(
          ErrorCode::storage,
          "the object folder failed: " + std::error_code(errno, std::generic_category()).message());
    }
  }
  step.at_end = levels_.empty();
  return step;
}

// What goes meanwhile, and what is no object of ours, is passed over.
void FolderWalk::visit(const std::string& name, std::vector<Listed>& objects) {
  const Level& here = levels_.back();
  std::string key = here.prefix + name;
  if (!parse_key(key)) return;
  const int folder = ::dirfd(here.dir.get());
  struct stat info {};
  if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (S_ISREG(info.st_mode)) {
    objects.push_back({std::move(key), written_at(info)});
  } else if (S_ISDIR(info.st_mode)) {
    enter(base::Fd(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)),
          key + "/");
  }
}

}  // namespace mecapy::objects
