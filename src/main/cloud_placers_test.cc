#include "main/cloud_placers.h"

#include <gtest/gtest.h>

#include <functional>

#include "config/settings.h"
#include "main/parts.h"
#include "main/placer_table.h"

namespace mecapy::main {
namespace {

using config::Settings;

Settings whole() {
  Settings s;
  s.machines_home_url = "https://mecapy.example.org";
  s.machines_worker_image = "registry.example.org/mecapy-worker:1";
  s.machines_scaleway_secret_key = "0d0e0f00-0000-4000-8000-00000000beef";
  s.machines_scaleway_project = "6f1c3c66-3c3c-4f5e-9f25-0a6f7d3a1b11";
  s.machines_scaleway_types = "DEV1-S:2:2048 L4-1-24G:8:49152:1";
  s.machines_openstack_region = "GRA11";
  s.machines_openstack_credential_id = "c1";
  s.machines_openstack_credential_secret = "hush";
  s.machines_openstack_flavors = "b2-7:2:7000=e81b46c0";
  s.machines_openstack_image = "i1";
  s.machines_openstack_network = "n1";
  return s;
}

struct Spoiled {
  const char* cloud;
  const char* named;  // in the complaint
  std::function<void(Settings&)> spoil;
};

TEST(CloudSettings, ThatAreWhole_AreFine) {
  for (const char* cloud : {"scaleway", "openstack"}) {
    const auto fine = find_placer(cloud)->check(whole());
    EXPECT_TRUE(fine) << fine.error().message;
  }
}

TEST(CloudSettings, WhatIsMissingOrWrong_IsNamed) {
  const std::vector<Spoiled> rows = {
      {"scaleway", "machines.scaleway_secret_key",
       [](Settings& s) { s.machines_scaleway_secret_key = ""; }},
      {"scaleway", "machines.scaleway_project",
       [](Settings& s) { s.machines_scaleway_project = "a/../b"; }},
      {"scaleway", "machines.scaleway_types", [](Settings& s) { s.machines_scaleway_types = " "; }},
      {"scaleway", "DEV1-S:2", [](Settings& s) { s.machines_scaleway_types = "DEV1-S:2"; }},
      {"scaleway", "fr-par-9",
       [](Settings& s) { s.machines_scaleway_zones = "fr-par-1 fr-par-9"; }},
      {"scaleway", "https://", [](Settings& s) { s.machines_scaleway_api_url = "http://a.org"; }},
      {"scaleway", "machines.worker_image", [](Settings& s) { s.machines_worker_image = ""; }},
      {"scaleway", "machines.worker_image", [](Settings& s) { s.machines_worker_image = "-v"; }},
      {"scaleway", "machines.worker_image",
       [](Settings& s) { s.machines_worker_image = "a b;reboot"; }},
      {"scaleway", "machines.home_url", [](Settings& s) { s.machines_home_url = ""; }},
      {"scaleway", "https://", [](Settings& s) { s.machines_home_url = "http://mecapy.org"; }},
      {"openstack", "machines.home_url",
       [](Settings& s) { s.machines_home_url = "http://127.0.0.1:8080"; }},
      {"openstack", "machines.openstack_region",
       [](Settings& s) { s.machines_openstack_region = ""; }},
      {"openstack", "machines.openstack_credential_secret",
       [](Settings& s) { s.machines_openstack_credential_secret = ""; }},
      {"openstack", "machines.openstack_flavors",
       [](Settings& s) { s.machines_openstack_flavors = "b2-7"; }},
      {"openstack", "machines.openstack_network",
       [](Settings& s) { s.machines_openstack_network = ""; }},
  };
  for (const Spoiled& row : rows) {
    Settings settings = whole();
    row.spoil(settings);
    const auto fine = find_placer(row.cloud)->check(settings);
    ASSERT_FALSE(fine) << row.named;
    EXPECT_EQ(fine.error().code, ErrorCode::usage);
    EXPECT_NE(fine.error().message.find(row.named), std::string::npos) << fine.error().message;
    EXPECT_EQ(fine.error().message.find("hush"), std::string::npos);
  }
}

TEST(CloudSettings, ASimulatedCloud_MayHaveItsHomeHere) {
  Settings settings = whole();
  settings.machines_home_url = "http://127.0.0.1:8080";
  settings.machines_scaleway_api_url = "http://127.0.0.1:1";
  EXPECT_TRUE(check_scaleway(settings));
}

TEST(CloudSettings, Keys_AreSecret) {
  for (const config::SettingRow& row : config::setting_table()) {
    if (row.name != "machines.scaleway_secret_key" &&
        row.name != "machines.openstack_credential_secret") {
      continue;
    }
    EXPECT_EQ(config::shown(row, whole()), "***");
    EXPECT_EQ(row.secrecy, config::Secrecy::secret) << "a worker gets it";
  }
}

TEST(CloudSettings, TheMostOfAnyMachine_IsTheCeiling) {
  Settings settings = whole();
  settings.machines_placers = "scaleway openstack";
  const model::Limits most = machine_ceilings(settings);
  EXPECT_EQ(most.cpus, 8);
  EXPECT_EQ(most.memory_mb, 49152 - 768);
  EXPECT_EQ(most.gpus, 1);
  EXPECT_EQ(machine_offers(settings).size(), 5U);  // two types in two zones, one flavor
}

}  // namespace
}  // namespace mecapy::main
