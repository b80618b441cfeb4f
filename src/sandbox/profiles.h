// The strengths of the sandbox, and which layers each is made of: two tables. The operator chooses
// a profile; nothing falls from one to the other by itself.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mecapy::sandbox {

enum class Profile : std::uint8_t {
  host,       // every layer
  container,  // where user namespaces cannot be had
};

struct ProfileRow {
  Profile profile;
  std::string_view name;  // the setting worker.profile
  std::string_view meaning;
};

extern const std::array<ProfileRow, 2> kProfileTable;  // in the order of the enum

const ProfileRow& profile_row(Profile profile);
std::optional<Profile> profile_named(std::string_view name);

enum class Need : std::uint8_t { required, optional, unused };

enum class LayerKey : std::uint8_t {
  another_user,
  user_ids,
  own_users,
  never_root,
  user_namespace,
  pid_namespace,
  mount_namespace,
  network_namespace,
  ipc_namespace,
  uts_namespace,
  cgroup_namespace,
  time_namespace,
  tmpfs_limits,
  masked_proc,
  pivot_root,
  files_apart,
  signals_apart,
  scratch_folder,
  process_watch,
  seccomp,
  foreign_abis,
  capabilities,
  no_new_privs,
  not_dumpable,
  rlimits,
  landlock,
  cgroup_memory,
  cgroup_pids,
  cgroup_cpu,
  python_environment,
  zygote_program,
};
inline constexpr std::size_t kLayers =
    static_cast<std::size_t>(LayerKey::zygote_program) + 1;  // the last

struct LayerRow {
  LayerKey key;
  std::string_view name;
  Need host;
  Need container;
  std::string_view advice;  // what to do when it is not enforced

  Need need(Profile profile) const { return profile == Profile::host ? host : container; }
};

extern const std::array<LayerRow, kLayers> kLayerTable;  // in the order of the enum

const LayerRow& layer_row(LayerKey key);

}  // namespace mecapy::sandbox
