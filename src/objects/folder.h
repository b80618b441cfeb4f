// Objects as files below a folder: the blocking part. No symbolic link is ever followed below the
// folder: every part of a key is opened by itself, O_NOFOLLOW, from the folder's descriptor.
#pragma once

#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace mecapy::objects {

class TempFile;

// Thread-safe. Every function blocks. Errors as in objects.h.
class Folder {
 public:
  // Makes the folder when missing and removes stale temporary files.
  static Result<std::unique_ptr<Folder>> open(const std::string& path);

  Result<std::shared_ptr<TempFile>> make_temp() const;
  // Gives the file, which is synced already, the name `key`, and ends it: an object does not
  // change. conflict when there is such an object.
  Result<void> link(TempFile& file, std::string_view key);
  // An existing object, for reading.
  Result<base::Fd> open_object(std::string_view key) const;
  // The folder of keys `key`, for listing; an empty Fd when there is none.
  Result<base::Fd> open_folder(std::string_view key) const;
  Result<void> remove(std::string_view key) const;

 private:
  Folder(base::Fd root, base::Fd temps)
      : root_(std::move(root)), temps_(std::make_shared<base::Fd>(std::move(temps))) {}
  void remove_stale_temps() const;
  Result<base::Fd> make_parent(const std::vector<std::string_view>& parts);
  Result<base::Fd> make_parent_slowly(const std::vector<std::string_view>& parts);

  base::Fd root_;
  std::shared_ptr<const base::Fd> temps_;
  // Held exclusively from making a folder until its entry is durable: who finds all folders there
  // under the shared lock knows that they survive a power cut.
  std::shared_mutex making_folders_;
};

// A file without a name that a key can lead to, removed when it goes. Not thread-safe.
class TempFile {
 public:
  // `temps`: the folder it is in.
  TempFile(std::shared_ptr<const base::Fd> temps, std::string name, base::Fd fd)
      : temps_(std::move(temps)), name_(std::move(name)), fd_(std::move(fd)) {}
  ~TempFile();
  TempFile(const TempFile&) = delete;
  TempFile& operator=(const TempFile&) = delete;

  // conflict once the file was ended.
  Result<void> append(std::string_view bytes);
  // Makes what was appended survive a power cut. storage after a failed append: the file has a
  // hole.
  Result<void> sync();
  // Lets go of the file: nobody can write to it any more.
  void end() { fd_.reset(); }
  const std::string& name() const { return name_; }

 private:
  std::shared_ptr<const base::Fd> temps_;
  std::string name_;
  base::Fd fd_;
  bool broken_ = false;
};

// The size of an open object, bytes.
Result<std::int64_t> object_size(const base::Fd& object);
// At most `length` bytes from `offset`; fewer only at the end.
Result<std::string> read_object(const base::Fd& object, std::int64_t offset, std::int64_t length);

}  // namespace mecapy::objects
