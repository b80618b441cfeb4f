// Where runs write when no tmpfs can be mounted for them: a folder of the supervisor's own, in it
// one new folder for each sandbox.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"
#include "sandbox/step.h"

namespace mecapy::sandbox {

class Scratch {
 public:
  // Makes it below `place`, and removes those there whose supervisors are gone.
  static StepFailure make(const std::string& place, std::unique_ptr<Scratch>& scratch);
  // Removes it with all that is in it.
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // The font cache of the zygotes (mecapy._fonts), of the user `owner` when there is one.
  StepFailure make_cache(std::optional<std::uint32_t> owner);
  std::string cache() const { return path_ + "/cache"; }

  // A new folder for one run with `work` and `tmp` in it, closed to all but `owner`, or to all but
  // this process's user.
  StepFailure make_folder(std::optional<std::uint32_t> owner, std::string& path);
  // Removes such a folder with all in it. False when something is left.
  static bool remove_folder(const std::string& path);

 private:
  Scratch(std::string path, base::Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  base::Fd lock_;  // of the folder itself: whoever gets the lock knows that this process is gone
  std::uint64_t last_ = 0;
};

}  // namespace mecapy::sandbox
