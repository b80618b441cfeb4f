#include "config/settings.h"

namespace mecapy::config {
namespace {

std::vector<SettingRow> fixed_rows() {
  using S = Settings;
  const auto secret = Secrecy::secret;
  const auto open = Secrecy::open;
  return {
      {"data_dir", &S::data_dir, "folder of the database, the objects and the token"},
      {"server.host", &S::server_host, "IP address `serve` listens on"},
      {"server.port", &S::server_port, "port `serve` listens on; 0 picks a free one", open, 0,
       65535},
      {"server.body_limit_mb", &S::server_body_limit_mb,
       "largest request body, and largest inputs of a run, MiB", open, 1, 256},
      {"server.header_timeout_s", &S::server_header_timeout_s,
       "for a request's header to arrive, seconds", open, 0.01, 3600},
      {"server.body_timeout_s", &S::server_body_timeout_s,
       "for a request's body to arrive, seconds", open, 0.01, 3600},
      {"server.idle_timeout_s", &S::server_idle_timeout_s,
       "until a silent connection is closed, seconds", open, 0.01, 3600},
      {"server.drain_s", &S::server_drain_s, "running runs may finish after SIGTERM, seconds", open,
       0, 3600},
      {"server.max_connections", &S::server_max_connections, "connections at once", open, 16,
       100'000},
      {"server.run_as_uid", &S::server_run_as_uid,
       "user the API and the worker's front run as when started as root and root owns the data "
       "folder",
       open, 1, 4e9},
      {"server.docs", &S::server_docs,
       "folder of the documents that /docs/ shows to anyone; default: site beside the program, "
       "when it is there"},
      {"dev_token", &S::dev_token, "token of the user \"local\"; one is generated when empty",
       secret},
      {"database.url", &S::database_url,
       "postgresql://USER:PASSWORD@HOST:PORT/NAME; a file in the data folder when empty", secret},
      {"database.connections", &S::database_connections, "to a PostgreSQL database, by each serve",
       open, 1, 100},
      {"oidc.issuer", &S::oidc_issuer,
       "https://HOST/realms/NAME, whose tokens callers send; tokens of our own when empty"},
      {"oidc.audience", &S::oidc_audience, "whom a token must be for"},
      {"oidc.admin_role", &S::oidc_admin_role,
       "role of the realm whose holders /api/me tells as admin; it opens nothing else"},
      {"oidc.client_id", &S::oidc_client_id,
       "public client of the issuer's by which people log in with `mecapy login`"},
      {"oidc.ca", &S::oidc_ca,
       "file of the certificates to trust the issuer by; the system's when empty"},
      {"oidc.skew_s", &S::oidc_skew_s, "by which the issuer's clock and ours may differ, seconds",
       open, 0, 300},
      {"redis.url", &S::redis_url,
       "rediss://USER:PASSWORD@HOST:PORT/DATABASE?ca=FILE of the queue; in memory when empty",
       secret},
      {"cache.ended_runs_s", &S::cache_ended_runs_s,
       "a run that has ended is answered without the database for this long after somebody asked "
       "for it, seconds; 0: never",
       open, 0, 86'400},
      {"objects.url", &S::objects_url,
       "s3://BUCKET/PREFIX?endpoint=URL&region=fr-par&style=virtual|path&ca=FILE, or "
       "file:///FOLDER; a "
       "folder in the data folder when empty"},
      {"objects.access_key", &S::objects_access_key, "of the bucket", Secrecy::workers_secret},
      {"objects.secret_key", &S::objects_secret_key, "of the bucket", Secrecy::workers_secret},
      {"objects.inline_limit", &S::objects_inline_limit,
       "inputs, results and logs up to this travel inline, bytes", open, 0, 1 << 20},
      {"queue.capacity", &S::queue_capacity, "runs that may wait; beyond it submits get 429", open,
       1, 1e8},
      {"dispatcher.max_attempts", &S::dispatcher_max_attempts,
       "attempts of a run that the platform fails", open, 1, 100},
      {"dispatcher.backoff_ms", &S::dispatcher_backoff_ms,
       "before the first retry, milliseconds; doubles, with jitter", open, 1, 600'000},
      {"dispatcher.lease_s", &S::dispatcher_lease_s, "a claim holds this long without a heartbeat",
       open, 0.3, 3600},
      {"worker.concurrency", &S::worker_concurrency, "runs at once; 0: one for each CPU", open, 0,
       256},
      {"worker.url", &S::worker_url,
       "https://HOST?concurrency=8 of workers elsewhere, several with spaces between them; a local "
       "worker when empty"},
      {"worker.ca", &S::worker_ca,
       "file of the certificates to trust workers elsewhere by; the system's when empty"},
      {"worker.timeout_s", &S::worker_timeout_s,
       "longest call that a worker elsewhere, or the gateway before it, allows, seconds", open, 60,
       3600},
      {"worker.host", &S::worker_host, "IP address `worker --port` listens on"},
      {"worker.token", &S::worker_token,
       "callers of `worker --port` must send it as X-Auth-Token; required off loopback. Sent to "
       "workers elsewhere",
       secret},
      {"worker.site_packages", &S::worker_site_packages,
       "packages of the Python environment; default: venv beside the program"},
      {"worker.runtime", &S::worker_runtime,
       "folder of the Python package mecapy; default: runtime beside the program"},
      {"worker.uid_base", &S::worker_uid_base,
       "first of the user ids runs are isolated with; ids that somebody has are passed over", open,
       1000, 2e9},
      {"worker.profile",
       &S::worker_profile,
       "isolation of runs: host (every layer), or container, where user namespaces cannot be had",
       open,
       0,
       0,
       false,
       {"host", "container"}},
      {"worker.zygotes_mb", &S::worker_zygotes_mb,
       "memory, MiB, that interpreters with packages loaded ahead may hold together; the two "
       "smallest are always there",
       open, 0, 1e6},
      {"worker.scratch", &S::worker_scratch,
       "profile container: folder in which the working folders of runs are made"},
      {"cost.prices", &S::cost_prices,
       "TOML file of prices that go over those of the program (docs/cost.md)"},
      {"router.rules", &S::router_rules,
       "which backend a run goes to, the first that matches: CONDITION,...:BACKEND with spaces "
       "between, CONDITION duration<SECONDS, cpus<NUMBER, memory<MIB or *; when empty: below 600 s "
       "a container or the local worker, else a machine of its own"},
      {"router.default_duration_s", &S::router_default_duration_s,
       "a run is expected to take, where nobody said and none ran before, seconds", open, 0.001,
       1e6},
      {"machines.placers", &S::machines_placers,
       "who makes machines for runs that are long or large, in order of preference: local; none "
       "when empty"},
      {"machines.capacity", &S::machines_capacity,
       "machines at once; beyond it runs wait, and say so", open, 1, 10'000},
      {"machines.tries", &S::machines_tries,
       "machines that are made for a run and never call home, before it is given up", open, 1, 100},
      {"machines.home_url", &S::machines_home_url,
       "https://HOST by which workers on machines reach this server; itself on this machine when "
       "empty"},
      {"machines.boot_s", &S::machines_boot_s,
       "for a machine to boot and its worker to call home, seconds", open, 1, 7200},
      {"machines.lease_s", &S::machines_lease_s,
       "a run on a machine whose worker is silent is another machine's after, seconds", open, 1,
       3600},
      {"machines.max_timeout_s", &S::machines_max_timeout_s,
       "longest run on a machine of its own, seconds", open, 1, 1e7},
      {"machines.local_cpus", &S::machines_local_cpus, "of a machine of the placer local", open, 1,
       1024},
      {"machines.local_memory_mb", &S::machines_local_memory_mb,
       "the same: the most that a run may have, MiB", open, 64, 1e7},
      {"metrics.host", &S::metrics_host, "IP address `serve` tells Prometheus its metrics on"},
      {"metrics.port", &S::metrics_port,
       "its port, on which nothing but /metrics is, for anyone; 0: none", open, 0, 65535},
      {"log_level",
       &S::log_level,
       "debug, info, warn or error",
       open,
       0,
       0,
       false,
       {"debug", "info", "warn", "error"}},
      {"log_format",
       &S::log_format,
       "of `serve` and `worker`: text, or json, one object a line",
       open,
       0,
       0,
       false,
       {"text", "json"}},
  };
}

}  // namespace

const std::vector<SettingRow>& setting_table() {
  static const std::vector<SettingRow> table = [] {
    std::vector<SettingRow> rows = fixed_rows();
    for (const model::LimitRow& limit : model::limit_table()) {
      rows.push_back({"limits.max_" + std::string(limit.name), limit.field,
                      "ceiling of " + std::string(limit.meaning) +
                          (limit.unit.empty() ? "" : ", " + std::string(limit.unit)),
                      Secrecy::open, limit.min, 1e9, limit.whole});
    }
    return rows;
  }();
  return table;
}

}  // namespace mecapy::config
