// The placer of this machine: each "machine" is a process here, so that everyone can try the long
// path at once. It lives no longer than the `serve` that made it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "clouds/placer.h"

namespace mecapy::clouds {

// Who starts and ends workers here: not this process, which must not be root (main/home_workers.h).
class Processes {
 public:
  virtual ~Processes() = default;
  // Starts `mecapy worker --home` for `machine`, whose token is in its folder. False when it
  // cannot.
  virtual bool start(const std::string& machine) = 0;
  // Ends it, and all it started, soon.
  virtual void end(const std::string& machine) = 0;
  // Whether it runs; nothing when there is none of that name (any more).
  virtual std::optional<bool> runs(const std::string& machine) const = 0;
  virtual std::vector<std::string> all() const = 0;
};

struct LocalOptions {
  std::string folder;  // each machine has a folder in it, with its token, mode 0600
  int cpus = 1;        // of a machine here
  std::int64_t memory_mb = 2048;
};
// `processes` must outlive it.
std::unique_ptr<Placer> make_local(LocalOptions options, Processes& processes);

}  // namespace mecapy::clouds
