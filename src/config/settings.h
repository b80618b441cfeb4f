// Every setting, in one table: the parser of mecapy.toml, of MECAPY_* and of flags, `mecapy config`
// and the documents are made from it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/limits.h"

namespace mecapy::config {

struct Settings {
  std::string data_dir;  // "" means default_data_dir()
  std::string server_host = "127.0.0.1";
  std::int64_t server_port = 8080;
  std::int64_t server_body_limit_mb = 16;
  double server_header_timeout_s = 10;
  double server_body_timeout_s = 30;
  double server_idle_timeout_s = 75;
  double server_drain_s = 20;
  std::int64_t server_max_connections = 4096;
  std::int64_t server_run_as_uid = 64100;
  std::string server_docs;  // "" means beside the program
  std::string dev_token;
  std::string database_url;  // "" means SQLite in the data folder
  std::int64_t database_connections = 8;
  std::string oidc_issuer;  // "" means tokens of our own
  std::string oidc_audience = "mecapy-api";
  std::string oidc_admin_role = "mecapy-admin";
  std::string oidc_client_id = "mecapy-sdk";
  std::string oidc_ca;
  std::int64_t oidc_skew_s = 30;
  std::string redis_url;  // "" means a queue in memory
  double cache_ended_runs_s = 60;
  std::string objects_url;  // "" means a folder in the data folder
  std::string objects_access_key;
  std::string objects_secret_key;
  std::int64_t objects_inline_limit = 32 * 1024;
  double objects_link_mb = 8;
  std::int64_t queue_capacity = 100'000;
  std::int64_t dispatcher_max_attempts = 5;
  std::int64_t dispatcher_backoff_ms = 200;
  double dispatcher_lease_s = 30;
  std::int64_t worker_concurrency = 0;  // 0: one a CPU
  std::string worker_url;               // "" means a local worker
  std::string worker_ca;
  double worker_timeout_s = 600;
  std::string worker_host = "127.0.0.1";
  std::string worker_token;
  std::string worker_site_packages;  // "" means beside the program
  std::string worker_runtime;
  std::int64_t worker_uid_base = 200'000;
  std::string worker_profile = "host";
  std::string worker_scratch = "/tmp";
  std::int64_t worker_gpus = 0;
  std::int64_t worker_zygotes_mb = 512;
  std::string cost_prices;  // "" means those of the program
  double budget_month_eur = 0;
  std::string budget_users;
  double budget_warn_at = 0.8;
  std::string router_rules;  // "" means router::kFirstRules
  double router_default_duration_s = 60;
  std::string machines_placers;  // "" means no machines made for runs
  std::int64_t machines_capacity = 4;
  std::int64_t machines_tries = 5;
  std::string machines_home_url;      // "" means this server on loopback
  std::string machines_installation;  // "" means the name that the database keeps
  double machines_boot_s = 900;
  double machines_lease_s = 120;
  double machines_care_s = 60;
  double machines_max_timeout_s = 86'400;
  double machines_reap_s = 300;
  double machines_reap_grace_s = 600;
  std::int64_t machines_local_cpus = 1;
  std::int64_t machines_local_memory_mb = 2048;
  std::int64_t machines_local_gpus = 0;
  std::string machines_worker_image;
  std::string machines_scaleway_secret_key;
  std::string machines_scaleway_project;
  std::string machines_scaleway_zones = "fr-par-1 fr-par-2";
  std::string machines_scaleway_types;
  std::string machines_scaleway_image = "ubuntu_jammy";
  std::string machines_scaleway_gpu_image = "ubuntu_jammy_gpu_os_12";
  std::string machines_scaleway_api_url = "https://api.scaleway.com";
  std::string machines_openstack_auth_url = "https://auth.cloud.ovh.net/v3";
  std::string machines_openstack_region;
  std::string machines_openstack_credential_id;
  std::string machines_openstack_credential_secret;
  std::string machines_openstack_flavors;
  std::string machines_openstack_image;
  std::string machines_openstack_network;
  std::string machines_slurm_folder;
  std::string machines_slurm_worker;
  std::string machines_slurm_config;
  std::string machines_slurm_partition;  // "" means the cluster's default; so do the next two
  std::string machines_slurm_account;
  std::string machines_slurm_constraint;
  std::int64_t machines_slurm_cpus = 1;
  std::int64_t machines_slurm_memory_mb = 2048;
  std::int64_t machines_slurm_gpus = 0;
  std::int64_t machines_slurm_beside_mb = 512;
  double machines_slurm_queue_s = 86'400;
  std::string metrics_host = "127.0.0.1";
  std::int64_t metrics_port = 0;  // 0: none
  std::string log_level = "info";
  std::string log_format = "text";
  model::Limits ceilings = model::default_ceilings();
};

// A secret of the worker's is handed to the local worker, too; no other secret is.
enum class Secrecy : std::uint8_t { open, secret, workers_secret };

struct SettingRow {
  std::string name;  // in mecapy.toml: "server.port" is port in [server]
  std::variant<std::string Settings::*, std::int64_t Settings::*, double Settings::*,
               double model::Limits::*>
      field;
  std::string meaning;  // with its unit
  Secrecy secrecy = Secrecy::open;
  double min = 0;  // of numbers
  double max = 1e15;
  bool whole = false;  // a number that must be a whole one, though kept as a double
  std::vector<std::string_view> words = {};  // the texts allowed; none: any

  // MECAPY_SERVER_PORT for server.port.
  std::string environment() const;
  std::string_view type() const;  // "text", "integer", "number"
};

const std::vector<SettingRow>& setting_table();

// A variable MECAPY_* that is no setting: of the commands that call a server, or of the SDK.
struct ClientVariable {
  std::string_view name;
  std::string_view meaning;
};
inline constexpr std::array kClientVariables = {
    ClientVariable{"MECAPY_URL", "the server to call; else that of the saved login"},
    ClientVariable{"MECAPY_TOKEN", "who calls; else the saved login"},
    ClientVariable{"MECAPY_CA",
                   "file of the certificates to trust the server by; the system's when empty"},
    ClientVariable{
        "MECAPY_CHECKPOINT",
        "file of what a calculation saves where there is no platform: in your own Python"},
};

// A value with where it came from: "default", "mecapy.toml", "MECAPY_SERVER_PORT" or "--port".
struct Loaded {
  Settings settings;
  std::map<std::string, std::string> origin;  // by setting name; absent means default
};

// Whether ./mecapy.toml is a source when no file is named. Not for who works in folders that others
// filled: it says what is run, outside the sandbox, too, and whose token is sent.
enum class LocalFile : std::uint8_t { ignored, read };

struct Sources {
  std::string toml_path;                           // "" when none is named
  std::map<std::string, std::string> environment;  // of the process; only MECAPY_* is looked at
  std::map<std::string, std::string> flags;        // by setting name
  LocalFile local_file = LocalFile::ignored;
};

// Table defaults, then the file, then the environment, then the flags. usage for an unknown name
// (with the nearest known one), a value of the wrong type or out of range, and for a ./mecapy.toml
// that somebody else owns or may write to; the message names the source.
Result<Loaded> load(const Sources& sources);

// The current value as text.
std::string value_text(const SettingRow& row, const Settings& settings);
// The same for people to see: secrets are "***" when set.
std::string shown(const SettingRow& row, const Settings& settings);

// /var/lib/mecapy for root, else $XDG_DATA_HOME/mecapy or ~/.local/share/mecapy.
std::string default_data_dir();

// The environment of this process, as Sources wants it.
std::map<std::string, std::string> process_environment();

}  // namespace mecapy::config
