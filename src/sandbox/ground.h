// What all sandboxes of a supervisor stand on in its profile: ids, cgroups, folders, and which
// privileges the supervisor keeps for them. The one place where the profile is asked for.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "sandbox/keeper.h"
#include "sandbox/sandbox.h"

namespace mecapy::sandbox {

class Ground {
 public:
  virtual ~Ground() = default;
  // The keeper of slot `k`. It lives no longer than the ground.
  virtual std::unique_ptr<Keeper> keeper(int k) = 0;
};

// In the supervisor, once every required layer of `layers` is enforced: makes what the profile
// needs, notes in `options` what was found, and gives up all other privileges. ErrorCode::sandbox
// with the step that failed.
Result<std::unique_ptr<Ground>> make_ground(Options& options, const std::vector<Layer>& layers);

// Keeps what a supervisor of this profile needs; for those, too, who start one.
StepFailure keep_supervisor_capabilities(Profile profile);

bool is_enforced(const std::vector<Layer>& layers, LayerKey key);

}  // namespace mecapy::sandbox
