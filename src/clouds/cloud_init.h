// What a machine is told as it boots: `#cloud-config` that runs the worker of one run, and ends the
// machine whatever happens.
//
// First of all, before anything that can hang, the machine is told to power off at the end of its
// life; a machine that boots again has what was left of it. Then the worker's image is run by
// Docker, which is installed where it is not there, and when the worker ends, or never began, the
// machine powers off. Values are in files of base64, never part of YAML or of a command.
#pragma once

#include <chrono>
#include <string>

namespace mecapy::clouds {

struct Boot {
  std::string home_url;
  std::string token;
  std::chrono::seconds life{0};
  std::string image;  // of the worker: deploy/worker.Dockerfile, from a registry
  int gpus = 0;
};
std::string cloud_init(const Boot& boot);

}  // namespace mecapy::clouds
