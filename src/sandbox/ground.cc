#include "sandbox/ground.h"

#include <linux/capability.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstring>

#include "sandbox/cgroup.h"
#include "sandbox/privileges.h"
#include "sandbox/user_ids.h"

namespace mecapy::sandbox {
namespace {

Error cannot(const StepFailure& step) {
  return fail(ErrorCode::sandbox, std::string("the supervisor cannot start: ") + step.step + ": " +
                                      std::strerror(step.error));
}

// The zygotes' user is the first of the block.
std::uint32_t user_of(const Options& options, int slot) {
  return options.uid_base + 1 + static_cast<std::uint32_t>(slot);
}

class HostGround final : public Ground {
 public:
  HostGround(const Options& options, IdBlock ids, std::unique_ptr<CgroupTree> cgroups,
             std::vector<SlotNamespaces> namespaces)
      : options_(options),
        ids_(std::move(ids)),
        cgroups_(std::move(cgroups)),
        namespaces_(std::move(namespaces)) {}

  std::unique_ptr<Keeper> keeper(int k) override {
    return keep_in_namespaces({user_of(options_, k), namespaces_[static_cast<std::size_t>(k)],
                               cgroups_->slot(k), cgroups_->places(), options_.time_namespace});
  }

 private:
  const Options& options_;
  IdBlock ids_;  // ours until this process is gone
  std::unique_ptr<CgroupTree> cgroups_;
  std::vector<SlotNamespaces> namespaces_;
};

Result<std::vector<SlotNamespaces>> make_namespaces(const Options& options) {
  std::vector<SlotNamespaces> all(static_cast<std::size_t>(options.sandboxes()));
  for (int k = 0; k < options.sandboxes(); ++k) {
    SlotNamespaces& one = all[static_cast<std::size_t>(k)];
    const StepFailure step = make_slot_namespaces(options.uid_base, user_of(options, k), one);
    if (step) return cannot(step);
  }
  return all;
}

Result<std::unique_ptr<CgroupTree>> make_cgroups(const Options& options) {
  std::unique_ptr<CgroupTree> cgroups;
  if (const StepFailure step = CgroupTree::make(options.sandboxes(), cgroups)) return cannot(step);
  constexpr std::pair<Controller, LayerKey> kNeeded[] = {
      {Controller::memory, LayerKey::cgroup_memory},
      {Controller::pids, LayerKey::cgroup_pids},
      {Controller::cpu, LayerKey::cgroup_cpu}};
  for (const auto& [controller, key] : kNeeded) {
    const LayerRow& row = layer_row(key);
    if (row.need(options.profile) != Need::required || cgroups->has(controller)) continue;
    return fail(ErrorCode::sandbox, "isolation layer not available: " + std::string(row.name) +
                                        ": the kernel does not hand it to groups of ours. " +
                                        std::string(row.advice));
  }
  return cgroups;
}

Result<std::unique_ptr<Ground>> make_host_ground(Options& options,
                                                 const std::vector<Layer>& layers) {
  remove_stale_cgroups();
  auto ids = claim_ids(options.uid_base, ids_needed(options));
  if (!ids) return ids.error();
  options.uid_base = ids->first;
  options.time_namespace = is_enforced(layers, LayerKey::time_namespace);
  auto cgroups = make_cgroups(options);
  if (!cgroups) return cgroups.error();
  // An init is an orphan when the zygote tells of it (zygote/birth.h), and comes to this process.
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return cannot(failed("PR_SET_CHILD_SUBREAPER"));
  if (const StepFailure step = keep_supervisor_capabilities(Profile::host)) return cannot(step);
  auto namespaces = make_namespaces(options);
  if (!namespaces) return namespaces.error();
  return std::unique_ptr<Ground>(std::make_unique<HostGround>(
      options, std::move(*ids), std::move(*cgroups), std::move(*namespaces)));
}

class ContainerGround final : public Ground {
 public:
  ContainerGround(const Options& options, IdBlock ids, std::unique_ptr<Scratch> scratch)
      : options_(options), ids_(std::move(ids)), scratch_(std::move(scratch)) {}

  std::unique_ptr<Keeper> keeper(int k) override {
    std::optional<std::uint32_t> user;
    if (options_.own_users) user = user_of(options_, k);
    return keep_by_watching({user, *scratch_});
  }

 private:
  const Options& options_;
  IdBlock ids_;  // none without users of their own
  std::unique_ptr<Scratch> scratch_;
};

// What was started in a sandbox whose init died comes to the supervisor; and this process must not
// be looked into by runs that are of the same user.
StepFailure hold_what_is_below() {
  if (const StepFailure step = set_no_new_privs()) return step;
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return failed("PR_SET_DUMPABLE");
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return failed("PR_SET_CHILD_SUBREAPER");
  return {};
}

Result<std::unique_ptr<Ground>> make_container_ground(Options& options,
                                                      const std::vector<Layer>& layers) {
  options.own_users = is_enforced(layers, LayerKey::own_users);
  IdBlock ids;
  if (options.own_users) {
    auto claimed = claim_ids(options.uid_base, ids_needed(options));
    if (!claimed) return claimed.error();
    ids = std::move(*claimed);
    options.uid_base = ids.first;
  }
  std::unique_ptr<Scratch> scratch;
  StepFailure step = Scratch::make(options.scratch, scratch);
  std::optional<std::uint32_t> zygote;
  if (options.own_users) zygote = options.uid_base;
  if (!step) step = scratch->make_cache(zygote);
  if (!step) step = hold_what_is_below();
  if (!step) {
    step = options.own_users ? keep_supervisor_capabilities(Profile::container)
                             : keep_capabilities({});
  }
  if (step) return cannot(step);
  options.cache = scratch->cache();
  return std::unique_ptr<Ground>(
      std::make_unique<ContainerGround>(options, std::move(ids), std::move(scratch)));
}

}  // namespace

// Only what the template, the id maps, the cgroups and killing need; without namespaces, only
// what users, their folders and killing need (capabilities(7)).
StepFailure keep_supervisor_capabilities(Profile profile) {
  if (profile == Profile::container) {
    return keep_capabilities(
        {CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL, CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER});
  }
  return keep_capabilities({CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_KILL,
                            CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER});
}

bool is_enforced(const std::vector<Layer>& layers, LayerKey key) {
  const auto found = std::ranges::find(layers, key, &Layer::key);
  return found != layers.end() && found->state == Layer::State::enforced;
}

Result<std::unique_ptr<Ground>> make_ground(Options& options, const std::vector<Layer>& layers) {
  switch (options.profile) {
    case Profile::host:
      return make_host_ground(options, layers);
    case Profile::container:
      return make_container_ground(options, layers);
  }
  return fail(ErrorCode::sandbox, "no such profile");
}

}  // namespace mecapy::sandbox
