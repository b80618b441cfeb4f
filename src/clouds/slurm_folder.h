// The folders of jobs, on a file system that the nodes share. Calls block: not for an event loop.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mecapy::clouds {

class SlurmFolder {
 public:
  // Below `root`, which is there.
  explicit SlurmFolder(std::string root) : root_(std::move(root)) {}

  std::string of(const std::string& machine) const { return root_ + "/" + machine; }
  std::string script(const std::string& machine) const { return of(machine) + "/job.sh"; }
  std::string output(const std::string& machine) const { return of(machine) + "/said.txt"; }

  // Makes the machine's folder with script and token, for nobody but this user. storage; usage when
  // somebody else could exchange them (base/own_folder.h).
  Result<void> make(const std::string& machine, const std::string& token) const;
  // Takes it away; fine when it is not there. Errors as of make().
  Result<void> remove(const std::string& machine) const;
  bool has(const std::string& machine) const;
  // Machines that have one.
  Result<std::vector<std::string>> all() const;
  // The exit status of its worker; nothing while it runs, or when nobody could write it down.
  std::optional<int> exit_status(const std::string& machine) const;
  // The last line that was said, within bounds; "" when there is none.
  std::string last_said(const std::string& machine) const;

 private:
  std::string root_;
};

// What a job runs: $1 its folder, $2 `mecapy` on the node, $3 home's URL, $4 graphics processors,
// $5 the file of settings or "".
extern const std::string_view kSlurmScript;

}  // namespace mecapy::clouds
