// The placer of Scaleway Instances: for each machine a server, its SBS volume and a reserved
// address.
//
// Machines call home, so each needs an address. It is reserved, not "dynamic": a reserved one
// carries our tags from the moment it is made, so that it can be found again when its server or its
// answer is lost.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "clouds/cloud_calls.h"
#include "clouds/machine_type.h"
#include "clouds/placer.h"

namespace mecapy::clouds {

struct ScalewayOptions {
  std::string secret_key;
  std::string project;
  std::string api_url = "https://api.scaleway.com";
  std::string installation;  // of the tag that all parts carry
  std::vector<MachineType> types;
  std::vector<std::string> zones;  // in order of preference
  std::string image = "ubuntu_jammy";
  std::string gpu_image = "ubuntu_jammy_gpu_os_12";  // of types with graphics processors
  std::string worker_image;
  CallOptions calls{};  // its cloud and secrets are the placer's
  // After power-on, until it is seen to run.
  std::chrono::milliseconds settle{60'000};
  std::chrono::milliseconds poll{1'000};
};

std::vector<Offer> scaleway_offers(const ScalewayOptions& options);

std::unique_ptr<Placer> make_scaleway(ScalewayOptions options);

// All there are, for what is left in zones that are not used any more.
const std::vector<std::string>& scaleway_zones();

}  // namespace mecapy::clouds
