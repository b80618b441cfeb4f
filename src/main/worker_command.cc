#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "base/loopback.h"
#include "main/commands.h"
#include "main/complain.h"
#include "main/data_folder.h"
#include "main/parts.h"
#include "main/process.h"
#include "main/pulse.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "worker/environment.h"
#include "worker/service.h"

namespace mecapy::main {
namespace {

namespace asio = boost::asio;

std::int64_t body_limit(const config::Settings& settings) {
  return settings.server_body_limit_mb << 20;
}

Result<std::unique_ptr<net::HttpServer>> listen(asio::io_context& io,
                                                const config::Settings& settings,
                                                const WorkerStart& start,
                                                worker::Service& service) {
  net::ServerOptions options;
  // What the API takes, with the code in base64.
  options.body_limit = static_cast<std::uint64_t>(body_limit(settings)) + (4ULL << 20);
  options.bodies_limit = std::max<std::uint64_t>(options.bodies_limit, 4 * options.body_limit);
  const auto handler = [&service](net::Exchange& e) { return service.handle(e); };
  const auto admit = [&service](const net::Request& head, std::optional<std::int64_t>) {
    return service.admit(head);
  };
  if (!start.socket.empty()) {
    return net::listen_unix(io, start.socket, options, handler, admit, worker::Service::error_page);
  }
  return net::listen_tcp(io, settings.worker_host, static_cast<std::uint16_t>(start.port), options,
                         handler, admit, worker::Service::error_page);
}

asio::awaitable<void> drain(asio::io_context& io, worker::Service& service, double seconds) {
  service.drain();
  const auto deadline = base::after(std::chrono::milliseconds(static_cast<int>(seconds * 1000)));
  while (!service.at_rest() && std::chrono::steady_clock::now() < deadline) {
    asio::steady_timer tick(io, std::chrono::milliseconds(20));
    boost::system::error_code ec;
    co_await tick.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
  io.stop();
}

Result<void> check_home(const WorkerStart& start) {
  if (start.home.empty() && start.token_file.empty()) return {};
  if (start.home.empty() || start.token_file.empty()) {
    return fail(ErrorCode::usage, "--home and --token-file go together");
  }
  return net::check_url(start.home);
}

Result<void> refuse_open_door(const config::Settings& settings, const WorkerStart& start) {
  if (!start.home.empty()) return {};  // nobody calls it
  const bool loopback = base::is_loopback(settings.worker_host);
  if (start.socket.empty() && !loopback && settings.worker_token.empty()) {
    return fail(ErrorCode::usage,
                "a worker that listens on " + settings.worker_host +
                    " would run code for anybody: set worker.token (MECAPY_WORKER_TOKEN)");
  }
  return {};
}

int serve_runs(const config::Settings& settings, const WorkerStart& start,
               std::unique_ptr<sandbox::Sandbox> sandbox) {
  auto objects = open_objects(settings);
  if (!objects) return complain(objects.error());
  asio::io_context io{1};
  int status = 0;
  worker::RunnerOptions options;
  options.inline_limit = settings.objects_inline_limit;
  options.inputs_limit = body_limit(settings);
  const sandbox::Options parts = sandbox_options(settings);
  options.environment = worker::environment_name(parts.site_packages, parts.runtime_folder);
  asio::thread_pool threads{2};  // ends before what its work looks at, which io holds
  worker::Runner runner(io, threads, std::move(sandbox), **objects, options, [&] {
    status = base::row(ErrorCode::sandbox).exit_code;
    io.stop();
  });
  const std::string token = start.socket.empty() ? settings.worker_token : std::string();
  worker::Service service(io, threads, runner, token, settings.ceilings);
  auto server = listen(io, settings, start, service);
  if (!server) return complain(server.error());
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](boost::system::error_code ec, int) {
    if (ec) return;
    (*server)->stop();
    asio::co_spawn(io, drain(io, service, settings.server_drain_s), asio::detached);
  });
  if (start.pulse_fd >= 0) {
    base::Fd pulse(start.pulse_fd);
    if (::write(pulse.get(), "ready\n", 6) != 6) return 1;
    asio::co_spawn(io, keep_pulse(std::move(pulse)), asio::detached);
  } else {
    const std::string url =
        "http://" + settings.worker_host + ":" + std::to_string((*server)->port());
    base::announce("MecaPy worker is ready at " + url, "MecaPy worker is ready", {{"url", url}});
  }
  io.run();
  return status;
}

}  // namespace

int worker(const config::Settings& settings, const WorkerStart& start) {
  const pid_t parent = ::getppid();
  ::prctl(PR_SET_NAME, "mecapy-worker");
  forget_secrets();
  if (auto fine = check_home(start); !fine) return complain(fine.error());
  if (auto fine = refuse_open_door(settings, start); !fine) return complain(fine.error());
  raise_file_limit();
  uid_t uid = start.run_as;
  if (start.pulse_fd < 0) {
    auto owner = prepare_data_dir(settings);
    if (!owner) return complain(owner.error());
    uid = *owner;
    warn_about_user(uid);
  }
  sandbox::Options options = sandbox_options(settings);
  if (!start.home.empty()) options.gpu_devices = gpu_devices(settings.worker_gpus);
  auto sandbox = sandbox::launch(options);
  if (!sandbox) return complain(sandbox.error());
  if (auto dropped = become(uid); !dropped) return complain(dropped.error());
  if (start.pulse_fd >= 0 || start.run_as != 0) die_with(parent);
  ignore_broken_pipes();
  if (!start.home.empty()) return visit_home(settings, start, std::move(*sandbox));
  return serve_runs(settings, start, std::move(*sandbox));
}

}  // namespace mecapy::main
