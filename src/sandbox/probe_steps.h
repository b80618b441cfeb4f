// How each layer is tried: probe.cc has the table.
#pragma once

#include <functional>
#include <string>

#include "sandbox/sandbox.h"
#include "sandbox/step.h"
#include "sandbox/user_ids.h"

namespace mecapy::sandbox {

// What the trials need to know.
struct ProbePlace {
  const Options& options;
  const Result<IdBlock>& ids;  // held while all layers are looked at
  std::uint32_t uid = 0;       // a free one, to become
  bool own_users = false;      // it can be become
};

// What was seen of one layer.
struct Sight {
  Layer::State state = Layer::State::undetermined;
  std::string detail{};
  std::string advice{};  // beside or instead of the table's
};

using Steps = std::function<StepFailure()>;

// Does `steps` in a child that is thrown away; `detail` when all went well.
Sight try_in_child(const Steps& steps, std::string detail = "done in a child process");
Sight seen(Layer::State state, std::string detail, std::string advice = {});

// A check that shows, by itself, that a layer does not hold.
inline StepFailure does_not_hold(const char* step) { return failed(step, EOPNOTSUPP); }

StepFailure take_user(std::uint32_t uid);

// probe_host.cc
Sight look_at_user_ids(const ProbePlace& place);
Sight look_at_namespace(const ProbePlace& place, int flag);
Sight look_at_tmpfs(const ProbePlace& place);
Sight look_at_proc(const ProbePlace& place);
Sight look_at_root(const ProbePlace& place);
Sight look_at_cgroup(const ProbePlace& place, const char* controller);

// probe_container.cc
Sight look_at_own_users(const ProbePlace& place);
Sight look_at_root_user(const ProbePlace& place);
Sight look_at_files(const ProbePlace& place);
Sight look_at_signals(const ProbePlace& place);
Sight look_at_scratch(const ProbePlace& place);
Sight look_at_watch(const ProbePlace& place);

}  // namespace mecapy::sandbox
