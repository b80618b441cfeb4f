// The placer of OpenStack clouds, as OVH Public Cloud is one: a server for each machine, which has
// its disk and its address (of a network like Ext-Net) with it and takes both away.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "clouds/cloud_calls.h"
#include "clouds/machine_type.h"
#include "clouds/placer.h"

namespace mecapy::clouds {

struct OpenstackOptions {
  std::string auth_url;  // of keystone, with its version: https://auth.cloud.ovh.net/v3
  std::string region;    // its name is the zone of offers
  std::string credential_id;
  std::string credential_secret;   // of an application credential
  std::string image;               // id
  std::string network;             // id
  std::string installation;        // of the metadata that all servers carry
  std::vector<MachineType> types;  // flavors; the id of one is what its name is, unless it has one
  std::string worker_image;
  CallOptions calls{};  // its cloud and secrets are the placer's
  // After it was asked for, until it is seen to run.
  std::chrono::milliseconds settle{60'000};
  std::chrono::milliseconds poll{2'000};
};

std::vector<Offer> openstack_offers(const OpenstackOptions& options);

std::unique_ptr<Placer> make_openstack(OpenstackOptions options);

}  // namespace mecapy::clouds
