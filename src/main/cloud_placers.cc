#include "main/cloud_placers.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <utility>

#include "clouds/cloud_calls.h"
#include "net/http_client.h"

namespace mecapy::main {
namespace {

using config::Settings;

struct Needed {
  std::string Settings::*field;
  const char* name;
  bool is_id = false;  // goes into addresses of its cloud
};
constexpr std::array kScaleway = {
    Needed{&Settings::machines_scaleway_secret_key, "machines.scaleway_secret_key"},
    Needed{&Settings::machines_scaleway_project, "machines.scaleway_project", true},
    Needed{&Settings::machines_scaleway_zones, "machines.scaleway_zones"},
    Needed{&Settings::machines_scaleway_types, "machines.scaleway_types"},
    Needed{&Settings::machines_scaleway_image, "machines.scaleway_image", true},
    Needed{&Settings::machines_scaleway_gpu_image, "machines.scaleway_gpu_image", true},
};
constexpr std::array kOpenstack = {
    Needed{&Settings::machines_openstack_auth_url, "machines.openstack_auth_url"},
    Needed{&Settings::machines_openstack_region, "machines.openstack_region", true},
    Needed{&Settings::machines_openstack_credential_id, "machines.openstack_credential_id", true},
    Needed{&Settings::machines_openstack_credential_secret, "machines.openstack_credential_secret"},
    Needed{&Settings::machines_openstack_flavors, "machines.openstack_flavors"},
    Needed{&Settings::machines_openstack_image, "machines.openstack_image", true},
    Needed{&Settings::machines_openstack_network, "machines.openstack_network", true},
};

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> found;
  for (std::string word; in >> word;) found.push_back(word);
  return found;
}

Result<void> check_needed(const Settings& settings, std::string_view placer, const Needed* begin,
                          const Needed* end) {
  for (const Needed* one = begin; one != end; ++one) {
    const std::string& value = settings.*(one->field);
    if (value.find_first_not_of(" \t\r\n") == std::string::npos) {
      return fail(ErrorCode::usage, std::string(one->name) + " is empty, and the placer " +
                                        std::string(placer) + " needs it");
    }
    if (one->is_id && !clouds::is_id(value)) {
      return fail(ErrorCode::usage, std::string(one->name) + " is none: " + value);
    }
  }
  return {};
}

// REGISTRY/NAME:TAG, or with @sha256:DIGEST.
bool is_image(std::string_view text) {
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-/:@").find(c) != std::string_view::npos;
  };
  return text.size() <= 512 && std::ranges::all_of(text, fine) && text.front() != '-';
}

// What machines are told as they boot. `api`: who makes them.
Result<void> check_boot(const Settings& settings, std::string_view placer, const std::string& api) {
  if (settings.machines_worker_image.empty() || !is_image(settings.machines_worker_image)) {
    return fail(ErrorCode::usage,
                "machines.worker_image names no image of the worker (docs/containers.md) that a "
                "machine of the placer " +
                    std::string(placer) + " could fetch: REGISTRY/NAME:TAG");
  }
  const std::string& home = settings.machines_home_url;
  if (home.empty()) {
    return fail(ErrorCode::usage, "machines.home_url is empty: machines of the placer " +
                                      std::string(placer) + " have no way to this server");
  }
  if (auto fine = net::check_url(home); !fine) return fine;
  // A cloud on this machine is a simulated one; so may its machines be.
  if (!home.starts_with("https://") && api.starts_with("https://")) {
    return fail(ErrorCode::usage,
                "machines.home_url: machines of the placer " + std::string(placer) +
                    " are elsewhere: an address that begins with https://, not " + home);
  }
  return {};
}

std::vector<clouds::MachineType> types_or_none(std::string_view setting, const std::string& text) {
  auto types = clouds::parse_machine_types(setting, text);
  return types ? std::move(*types) : std::vector<clouds::MachineType>();
}

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

}  // namespace

Result<void> check_scaleway(const Settings& settings) {
  if (auto fine = check_needed(settings, "scaleway", kScaleway.begin(), kScaleway.end()); !fine) {
    return fine;
  }
  for (const std::string& zone : words(settings.machines_scaleway_zones)) {
    if (std::ranges::find(clouds::scaleway_zones(), zone) != clouds::scaleway_zones().end()) {
      continue;
    }
    std::string known;
    for (const std::string& one : clouds::scaleway_zones()) known += " " + one;
    return fail(ErrorCode::usage,
                "machines.scaleway_zones: there is no zone " + zone + ": there are" + known);
  }
  const std::string& api = settings.machines_scaleway_api_url;
  if (auto fine = net::check_url(api); !fine) return fine;
  auto types =
      clouds::parse_machine_types("machines.scaleway_types", settings.machines_scaleway_types);
  if (!types) return types.error();
  return check_boot(settings, "scaleway", api);
}

Result<void> check_openstack(const Settings& settings) {
  if (auto fine = check_needed(settings, "openstack", kOpenstack.begin(), kOpenstack.end());
      !fine) {
    return fine;
  }
  const std::string& api = settings.machines_openstack_auth_url;
  if (auto fine = net::check_url(api); !fine) return fine;
  auto flavors = clouds::parse_machine_types("machines.openstack_flavors",
                                             settings.machines_openstack_flavors);
  if (!flavors) return flavors.error();
  return check_boot(settings, "openstack", api);
}

clouds::ScalewayOptions scaleway_options(const Settings& settings,
                                         const std::string& installation) {
  clouds::ScalewayOptions options;
  options.secret_key = settings.machines_scaleway_secret_key;
  options.project = settings.machines_scaleway_project;
  options.api_url = without_slash(settings.machines_scaleway_api_url);
  options.installation = installation;
  options.types = types_or_none("machines.scaleway_types", settings.machines_scaleway_types);
  options.zones = words(settings.machines_scaleway_zones);
  options.image = settings.machines_scaleway_image;
  options.gpu_image = settings.machines_scaleway_gpu_image;
  options.worker_image = settings.machines_worker_image;
  return options;
}

clouds::OpenstackOptions openstack_options(const Settings& settings,
                                           const std::string& installation) {
  clouds::OpenstackOptions options;
  options.auth_url = without_slash(settings.machines_openstack_auth_url);
  options.region = settings.machines_openstack_region;
  options.credential_id = settings.machines_openstack_credential_id;
  options.credential_secret = settings.machines_openstack_credential_secret;
  options.image = settings.machines_openstack_image;
  options.network = settings.machines_openstack_network;
  options.installation = installation;
  options.types = types_or_none("machines.openstack_flavors", settings.machines_openstack_flavors);
  options.worker_image = settings.machines_worker_image;
  return options;
}

}  // namespace mecapy::main
