// The placer of this machine: each "machine" is a process here, so that everyone can try the long
// path at once. It lives no longer than the `serve` that made it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clouds/placer.h"

namespace mecapy::clouds {

// Who starts and ends workers here: not this process, which must not be root (main/home_workers.h).
class Processes {
 public:
  virtual ~Processes() = default;
  // Starts `mecapy worker --home` for `machine`, whose token is in its folder, with or without this
  // machine's graphics processors. False when it cannot.
  virtual bool start(const std::string& machine, bool gpus) = 0;
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
  int gpus = 0;  // that a machine may have, all of them or none, one machine at a time
};
std::vector<Offer> local_offers(const LocalOptions& options);

// `processes` must outlive it.
std::unique_ptr<Placer> make_local(LocalOptions options, Processes& processes);

}  // namespace mecapy::clouds
