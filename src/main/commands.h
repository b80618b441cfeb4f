// The commands of the program. Each returns the exit status.
#pragma once

#include <sys/types.h>
#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "config/settings.h"

namespace mecapy::main {

// `mecapy serve`: the launcher. Starts the API process and the worker, restarts the worker when it
// dies or hangs, ends both when told to. Stays root when started as root, to start workers.
int serve(const config::Settings& settings);

// The API process: store, queue, dispatcher and HTTP. Says "PORT\n" on `pulse` when it answers,
// then keeps its pulse (pulse.h). Drains on SIGTERM.
int run_api(const config::Settings& settings, base::Fd pulse);

struct WorkerStart {
  std::string socket;  // Unix socket to listen on; "" listens on TCP
  int port = 8080;     // TCP
  int pulse_fd = -1;   // gets "ready\n", then the pulse (pulse.h); -1: no launcher listens
  uid_t run_as = 0;    // user of the front when started as root
};
// `mecapy worker`.
int worker(const config::Settings& settings, const WorkerStart& start);

struct RunStart {
  std::string file;
  std::vector<std::string> inputs;  // k=v or @file.json
  std::vector<std::string> limits;  // name=value
  std::string output;               // folder for artifacts; "" keeps none
};
// `mecapy run`.
int run_file(const config::Settings& settings, const RunStart& start);

// `mecapy doctor`, `mecapy config`, `mecapy token`.
int doctor(const config::Settings& settings);
enum class ConfigFormat : std::uint8_t { table, all, json };  // `all`: with defaults and meanings
int show_config(const config::Loaded& loaded, ConfigFormat format);
int add_token(const config::Settings& settings, const std::string& user);

// `mecapy health`: asks the server at `url` how it is (of one without a path, /health/ready),
// prints what it says, and on stderr which parts are away. 0 when that is a 2xx within three
// seconds; else the status of unavailable or deadline_exceeded, of usage for no URL of ours.
int health(const std::string& url);

// Prints an Error to stderr; its exit status.
int complain(const Error& error);
// Says on stderr what doubt_about_user (process.h) finds.
void warn_about_user(uid_t uid);

}  // namespace mecapy::main
