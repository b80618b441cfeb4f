// `mecapy worker --home URL --token-file FILE`: one run, taken from home and told to it, then the
// end.
#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>
#include <string>

#include "base/fd.h"
#include "base/log.h"
#include "main/commands.h"
#include "main/complain.h"
#include "main/process.h"
#include "worker/environment.h"
#include "worker/home_calls.h"
#include "worker/home_objects.h"
#include "worker/home_visit.h"

namespace mecapy::main {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kLongestToken = 512;

// The token in `path`, which nobody else may read; read by who the worker is, not by root.
Result<std::string> read_token(const std::string& path) {
  const base::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  char text[kLongestToken + 1];
  const ssize_t size = file ? ::read(file.get(), text, sizeof text) : -1;
  std::string token(text, size > 0 ? static_cast<std::size_t>(size) : 0);
  while (token.ends_with('\n')) token.pop_back();
  if (size <= 0 || token.empty() || token.size() > kLongestToken) {
    return fail(ErrorCode::usage, "no token in " + path);
  }
  return token;
}

int exit_status(worker::Visit visit) {
  switch (visit) {
    case worker::Visit::told:
      return 0;
    case worker::Visit::none:
    case worker::Visit::lost:
      return base::row(ErrorCode::conflict).exit_code;
    case worker::Visit::away:
    case worker::Visit::left:
      return base::row(ErrorCode::unavailable).exit_code;
  }
  return 1;
}

}  // namespace

int visit_home(const config::Settings& settings, const WorkerStart& start,
               std::unique_ptr<sandbox::Sandbox> sandbox) {
  auto token = read_token(start.token_file);
  if (!token) return complain(token.error());
  worker::HomeOptions home;
  home.url = start.home;
  home.token = std::move(*token);
  home.ca = settings.worker_ca;
  worker::HomeCalls calls(std::move(home));
  const auto objects = worker::make_home_objects(calls, settings.worker_scratch);
  asio::io_context io{1};
  asio::thread_pool threads{2};
  worker::RunnerOptions options;
  options.inline_limit = settings.objects_inline_limit;
  options.inputs_limit = settings.server_body_limit_mb << 20;
  options.gpus = static_cast<double>(settings.worker_gpus);
  const sandbox::Options parts = sandbox_options(settings);
  options.environment = worker::environment_name(parts.site_packages, parts.runtime_folder);
  int status = 1;
  worker::Runner runner(io, threads, std::move(sandbox), *objects, options, [&] {
    status = base::row(ErrorCode::sandbox).exit_code;
    io.stop();
  });
  worker::HomeVisit visit(io, calls, runner);
  if (start.quiet_stop) visit.stop_quietly();
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](boost::system::error_code ec, int) {
    if (ec) return;
    runner.drain();
    visit.interrupt();
  });
  asio::co_spawn(io, visit.run(), [&](const std::exception_ptr& e, worker::Visit became) {
    if (!e) status = exit_status(became);
    io.stop();
  });
  io.run();
  return status;
}

}  // namespace mecapy::main
