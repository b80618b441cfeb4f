#include "sandbox/profiles.h"

#include <gtest/gtest.h>

#include "sandbox/sandbox_fixture.h"

namespace mecapy::sandbox {
namespace {

TEST(Profiles, TheTables_AreInTheOrderOfTheirEnums) {
  for (std::size_t i = 0; i < kProfileTable.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(kProfileTable[i].profile), i);
    EXPECT_EQ(profile_named(kProfileTable[i].name), kProfileTable[i].profile);
  }
  for (std::size_t i = 0; i < kLayerTable.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(kLayerTable[i].key), i);
    EXPECT_FALSE(kLayerTable[i].name.empty());
    EXPECT_FALSE(kLayerTable[i].advice.empty());
  }
  EXPECT_FALSE(profile_named("weaker"));
}

TEST(Profiles, Host_RequiresAllButWhatNotEveryKernelHas) {
  for (const LayerRow& row : kLayerTable) {
    const bool newer = row.key == LayerKey::time_namespace || row.key == LayerKey::landlock;
    if (row.host == Need::optional) EXPECT_TRUE(newer) << row.name;
  }
  using enum LayerKey;
  for (const LayerKey key :
       {another_user,      user_ids,      user_namespace, pid_namespace,    mount_namespace,
        network_namespace, ipc_namespace, uts_namespace,  cgroup_namespace, tmpfs_limits,
        masked_proc,       pivot_root,    seccomp,        foreign_abis,     capabilities,
        no_new_privs,      not_dumpable,  rlimits,        cgroup_memory,    cgroup_pids,
        cgroup_cpu}) {
    EXPECT_EQ(layer_row(key).need(Profile::host), Need::required) << layer_row(key).name;
  }
}

TEST(Profiles, Container_RequiresWhatKeepsRunsApartWithoutNamespaces) {
  using enum LayerKey;
  for (const LayerKey key :
       {never_root, files_apart, signals_apart, scratch_folder, process_watch, seccomp,
        foreign_abis, capabilities, no_new_privs, not_dumpable, rlimits}) {
    EXPECT_EQ(layer_row(key).need(Profile::container), Need::required) << layer_row(key).name;
  }
}

TEST(Profiles, EveryLayerOfAProfile_IsProbedOnce) {
  for (const ProfileRow& profile : kProfileTable) {
    Options options = test_options();
    options.profile = profile.profile;
    const std::vector<Layer> layers = probe_layers(options);
    std::size_t at = 0;
    for (const LayerRow& row : kLayerTable) {
      const Need need = row.need(profile.profile);
      if (need == Need::unused) continue;
      ASSERT_LT(at, layers.size());
      EXPECT_EQ(layers[at].key, row.key);
      EXPECT_EQ(layers[at].required, need == Need::required);
      EXPECT_FALSE(layers[at].detail.empty()) << row.name;
      ++at;
    }
    EXPECT_EQ(at, layers.size());
  }
}

}  // namespace
}  // namespace mecapy::sandbox
