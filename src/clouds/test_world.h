// For tests: a placer with the place where its machines are made.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/id.h"
#include "base/test_await.h"
#include "base/test_folder.h"
#include "base/test_services.h"
#include "clouds/local.h"
#include "clouds/openstack.h"
#include "clouds/placer.h"
#include "clouds/scaleway.h"
#include "clouds/slurm.h"
#include "clouds/test_cloud.h"

namespace mecapy::clouds {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline base::Deadline soon() { return base::after(seconds(30)); }

inline CallOptions quick_calls() {
  CallOptions calls;
  calls.call = milliseconds(10'000);
  calls.backoff = milliseconds(1);
  calls.backoff_max = milliseconds(20);
  return calls;
}

class World {
 public:
  virtual ~World() = default;
  virtual Placer& placer() = 0;
  // Another one on the same account, which knows nothing of what the first did.
  virtual std::unique_ptr<Placer> another(const std::string& installation) = 0;
  virtual std::size_t left() = 0;         // parts that are there, whoever knows them
  virtual std::size_t parts() const = 0;  // of a machine that was made
  virtual TestCloud* cloud() { return nullptr; }
  // What must not be told.
  virtual std::vector<std::string> secrets() { return {}; }

  Order order() {
    Order order;
    order.machine = base::make_uuid7();
    order.type = placer().offers().front().type;
    order.zone = placer().offers().front().zone;
    order.home_url = "https://mecapy.example.org";
    order.token = base::random_hex(32);
    order.life = std::chrono::hours(1);
    order.cpus = 1;
    order.memory_mb = 1024;
    return order;
  }
};

class ScalewayWorld final : public World {
 public:
  ScalewayWorld() : placer_(another("house-1")) {}
  Placer& placer() override { return *placer_; }
  std::unique_ptr<Placer> another(const std::string& installation) override {
    ScalewayOptions options;
    options.secret_key = cloud_.known("token");
    options.project = cloud_.known("project");
    options.api_url = cloud_.known("url");
    options.installation = installation;
    options.types = {{"DEV1-S", 2, 2048}, {"PRO2-S", 8, 32768}};
    options.zones = {"fr-par-1", "nl-ams-2"};
    options.worker_image = "registry.example.org/mecapy-worker:1";
    options.calls = quick_calls();
    options.settle = milliseconds(10'000);
    options.poll = milliseconds(5);
    return make_scaleway(std::move(options));
  }
  std::size_t left() override { return cloud_.left(); }
  std::size_t parts() const override { return 3; }
  TestCloud* cloud() override { return &cloud_; }
  std::vector<std::string> secrets() override { return {cloud_.known("token")}; }

 private:
  TestCloud cloud_{"scaleway"};
  std::unique_ptr<Placer> placer_;
};

class OpenstackWorld final : public World {
 public:
  OpenstackWorld() : placer_(another("house-1")) {}
  Placer& placer() override { return *placer_; }
  std::unique_ptr<Placer> another(const std::string& installation) override {
    return make_openstack(options(installation));
  }
  OpenstackOptions options(const std::string& installation) const {
    OpenstackOptions options;
    options.auth_url = cloud_.known("auth_url");
    options.region = cloud_.known("region");
    options.credential_id = cloud_.known("credential_id");
    options.credential_secret = cloud_.known("credential_secret");
    options.image = cloud_.known("image");
    options.network = cloud_.known("network");
    options.installation = installation;
    options.types = {{"b2-7", 2, 7000, 0, cloud_.known("flavor")}};
    options.worker_image = "registry.example.org/mecapy-worker:1";
    options.calls = quick_calls();
    options.settle = milliseconds(10'000);
    options.poll = milliseconds(5);
    return options;
  }
  std::size_t left() override { return cloud_.left(); }
  std::size_t parts() const override { return 1; }
  TestCloud* cloud() override { return &cloud_; }
  std::vector<std::string> secrets() override { return {cloud_.known("credential_secret")}; }

 private:
  TestCloud cloud_{"openstack"};
  std::unique_ptr<Placer> placer_;
};

// Processes that are nothing but their names.
class NamedProcesses final : public Processes {
 public:
  bool start(const std::string& machine, bool) override {
    running_[machine] = true;
    return true;
  }
  void end(const std::string& machine) override { running_.erase(machine); }
  std::optional<bool> runs(const std::string& machine) const override {
    const auto it = running_.find(machine);
    return it == running_.end() ? std::nullopt : std::optional(it->second);
  }
  std::vector<std::string> all() const override {
    std::vector<std::string> names;
    for (const auto& [name, runs] : running_) names.push_back(name);
    return names;
  }

 private:
  std::map<std::string, bool> running_;
};

class LocalWorld final : public World {
 public:
  Placer& placer() override { return *placer_; }
  std::unique_ptr<Placer> another(const std::string&) override {
    return make_local({folder_.path("machines"), 2, 4096, 0}, processes_);
  }
  std::size_t left() override { return processes_.all().size(); }
  std::size_t parts() const override { return 1; }

 private:
  base::TestFolder folder_;
  NamedProcesses processes_;
  std::unique_ptr<Placer> placer_ = another("");
};

// A real cluster, which others may use at the same time: `tools/services.sh start slurm`.
class SlurmWorld final : public World {
 public:
  SlurmWorld() {
    ::setenv("SLURM_CONF", base::of_service("slurmctld").c_str(), 1);
    std::ofstream(folder_.path("worker")) << "#!/bin/sh\nexec sleep 600\n";
    std::filesystem::permissions(folder_.path("worker"), std::filesystem::perms(0755));
    placer_ = another("house-1");
  }
  ~SlurmWorld() override {
    for (const Found& part : all()) {
      (void)base::await(placer_->remove(part, soon()));
    }
  }
  Placer& placer() override { return *placer_; }
  std::unique_ptr<Placer> another(const std::string& installation) override {
    SlurmOptions options;
    options.installation = installation + "-" + world_;
    options.folder = folder_.path("");
    options.worker = folder_.path("worker");
    options.beside_mb = 0;
    options.memory_mb = 100;
    options.queue = seconds(0);
    options.leave = seconds(0);
    return make_slurm(std::move(options));
  }
  std::size_t left() override { return all().size(); }
  std::size_t parts() const override { return 2; }

 private:
  std::vector<Found> all() {
    auto answer = base::await(another("house-1")->list(soon()));
    return std::get<std::vector<Found>>(answer);
  }

  base::TestFolder folder_;
  std::string world_ = base::random_hex(4);
  std::unique_ptr<Placer> placer_;
};

}  // namespace mecapy::clouds
