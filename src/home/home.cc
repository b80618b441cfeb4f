#include "home/home.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "auth/auth.h"
#include "base/log.h"
#include "base/sha256.h"
#include "home/guest.h"
#include "model/bounds.h"
#include "wire/api_json.h"
#include "wire/json.h"
#include "wire/worker_json.h"

namespace mecapy::home {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kRemoval{10};
constexpr std::chrono::minutes kForget{10};  // a worker that is silent for longer
constexpr std::string_view kObjectPath = "/home/objects/";
constexpr std::size_t kLongestTaker = 64;
constexpr std::size_t kTokenDigits = 64;
constexpr int kMostLines =
    4096;  // of one call: log, progress and the checkpoints of a long silence

enum class Path : std::uint8_t { job, lines, object, none };

Path path_of(const net::Request& request) {
  if (request.path == "/home/job") return Path::job;
  if (request.path == "/home/lines") return Path::lines;
  return request.path.starts_with(kObjectPath) ? Path::object : Path::none;
}

bool takes(Path path, const std::string& method) {
  if (path == Path::object) return method == "GET" || method == "PUT" || method == "POST";
  return method == "POST";
}

net::Response page(const Error& error, const std::string& request_id) {
  net::Response response;
  response.status = base::row(error.code).http_status;
  response.content_type = "application/problem+json";
  response.body = wire::problem_json(error, response.status, request_id);
  return response;
}

}  // namespace

Error lost() { return fail(ErrorCode::conflict, "the run is not this machine's any more"); }

Home::Home(store::Store& store, objects::ObjectStore& objects, feed::Feed& feed, Options options)
    : store_(store),
      objects_(objects),
      feed_(feed),
      options_(std::move(options)),
      retry_(store, feed, options_.retry) {}

Home::~Home() = default;

std::optional<net::Response> Home::admit(const net::Request& head) const {
  const Path path = path_of(head);
  if (path == Path::none) return page(fail(ErrorCode::not_found, "no such path"), head.id);
  if (!takes(path, head.method)) {
    return page(fail(ErrorCode::method_not_allowed, "not this method"), head.id);
  }
  const auto token = auth::bearer_token(head.header("authorization"));
  if (!token) return page(token.error(), head.id);
  // What cannot be a machine's is not looked for.
  const bool machines = token->size() == kTokenDigits &&
                        token->find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!machines) return page(fail(ErrorCode::unauthorized, "no machine's token"), head.id);
  return std::nullopt;
}

awaitable<void> Home::handle(net::Exchange& exchange) {
  exchange.tell({kPrefix, "a machine"});
  Answer answered = co_await answer(exchange);
  if (!answered) {
    net::Response response = page(answered.error(), exchange.request().id);
    co_await exchange.respond(std::move(response));
  } else if (*answered) {
    co_await exchange.respond(std::move(**answered));
  }
}

awaitable<Home::Answer> Home::answer(net::Exchange& exchange) {
  const net::Request& request = exchange.request();
  auto machine = co_await who(request);
  if (!machine) co_return machine.error();
  forget_old();
  switch (path_of(request)) {
    case Path::job:
      co_return co_await give_job(request, *machine);
    case Path::lines:
      co_return co_await take_lines(request, *machine);
    case Path::object: {
      std::string key = request.path.substr(kObjectPath.size());
      if (request.method == "PUT") {
        co_return co_await take_piece(request, *machine, std::move(key));
      }
      if (request.method == "POST") {
        co_return co_await give_link(request, *machine, std::move(key));
      }
      co_return co_await give_object(exchange, *machine, std::move(key));
    }
    case Path::none:
      break;
  }
  co_return fail(ErrorCode::not_found, "no such path");
}

// The machine whose token it is, as long as its worker may have a run.
awaitable<Result<model::Machine>> Home::who(const net::Request& request) {
  const auto token = auth::bearer_token(request.header("authorization"));
  if (!token) co_return token.error();
  auto machine = co_await store_.machines().by_token(base::sha256_hex(*token));
  if (!machine) co_return machine.error();
  const bool good = *machine && model::is_live((*machine)->state) &&
                    (*machine)->state != model::MachineState::intended;
  if (!good) co_return fail(ErrorCode::unauthorized, "this token is good for nothing any more");
  co_return std::move(**machine);
}

std::shared_ptr<Home::Guest> Home::guest(const model::Machine& machine) {
  std::shared_ptr<Guest>& guest = guests_[machine.id];
  if (!guest) guest = std::make_shared<Guest>();
  guest->heard = steady_clock::now();
  if (!guest->channel && !guest->over) {
    guest->channel = feed_.open(machine.run_id);
    guest->channel->set_status(model::RunStatus::running, machine.attempt);
  }
  return guest;
}

void Home::forget_old() {
  const auto before = steady_clock::now() - kForget;
  std::erase_if(guests_, [&](const auto& entry) {
    const Guest& one = *entry.second;
    return !one.busy && !one.telling && one.heard < before;
  });
}

awaitable<Home::Answer> Home::give_job(const net::Request& request, const model::Machine& machine) {
  const auto taker = request.query.find("taker");
  const bool fine = taker != request.query.end() && !taker->second.empty() &&
                    taker->second.size() <= kLongestTaker;
  if (!fine) co_return wrong_query("taker");
  auto job = co_await store_.machines().take_job(machine.id, taker->second, options_.lease);
  if (!job) co_return job.error();
  if (!*job) co_return lost();
  model::Machine working = machine;
  working.state = model::MachineState::working;
  working.attempt = (*job)->attempt;
  const std::shared_ptr<Guest> here = guest(working);
  if (here->over) co_return lost();
  here->most_log = model::most_log((*job)->limits);
  if ((*job)->checkpoint) {
    here->checkpoint = model::checkpoint_key(machine.run_id.str(), *(*job)->checkpoint);
    here->channel->set_progress(working.attempt, model::resumed_progress(*(*job)->checkpoint));
  }
  base::log_info(
      "a worker has called home",
      {{"machine", machine.id.str()}, {"run", machine.run_id.str()}, {"attempt", working.attempt}});
  co_return json(wire::execute_json(**job));
}

awaitable<Home::Answer> Home::take_lines(const net::Request& request,
                                         const model::Machine& machine) {
  const auto from = number(request, "from");
  if (!from) co_return wrong_query("from");
  if (machine.state != model::MachineState::working) co_return lost();
  const std::shared_ptr<Guest> here = guest(machine);
  if (here->over) co_return lost();
  // Of two at once the order is not known. The worker calls again.
  if (here->telling) co_return fail(ErrorCode::busy, "other lines are being taken");
  const Hold telling(here->telling);
  std::vector<store::Lease> lease{{machine.run_id, machine.attempt}};
  auto held = co_await store_.extend_leases(model::claimant_of(machine.id), std::move(lease),
                                            options_.lease);
  if (!held) co_return held.error();
  if (!held->lost.empty()) co_return lost();
  auto recorded = co_await hear(*here, machine, request.body, *from);
  if (!recorded) co_return recorded.error();
  co_return json(std::move(wire::ObjectWriter()
                               .integer("lease_s", options_.lease.count())
                               .boolean("stop", !held->cancel_requested.empty())
                               .integer("log", here->log)
                               .boolean("recorded", *recorded))
                     .finish());
}

// Takes one line after the other. Whether the end was among them.
awaitable<Result<bool>> Home::hear(Guest& here, const model::Machine& machine,
                                   std::string_view body, std::int64_t at) {
  for (int lines = 0; !body.empty();) {
    const std::size_t end = body.find('\n');
    const std::string_view one = body.substr(0, end);
    body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
    if (one.empty()) continue;
    if (++lines > kMostLines) co_return fail(ErrorCode::too_large, "so many lines in one call");
    auto line = wire::read_worker_line(one);
    if (!line) co_return line.error();
    switch (line->type) {
      case wire::WorkerLine::Type::started:
        break;
      case wire::WorkerLine::Type::log:
        if (auto added = add_log(here, machine, line->text, at); !added) co_return added.error();
        break;
      case wire::WorkerLine::Type::progress:
        here.channel->set_progress(machine.attempt, line->text);
        break;
      case wire::WorkerLine::Type::checkpoint:
      case wire::WorkerLine::Type::anew: {
        auto kept = co_await keep_checkpoint(here, machine, *line);
        if (!kept) co_return kept.error();
        break;
      }
      case wire::WorkerLine::Type::end: {
        auto kept = co_await record(here, machine, std::move(line->end));
        if (!kept) co_return kept.error();
        if (!*kept) co_return lost();
        co_return true;
      }
    }
  }
  co_return false;
}

// Log that begins at byte `at`, which is moved to its end.
Result<void> Home::add_log(Guest& here, const model::Machine& machine, std::string_view text,
                           std::int64_t& at) const {
  const auto most = static_cast<std::int64_t>(std::min(here.most_log, options_.most_log));
  const auto size = static_cast<std::int64_t>(text.size());
  if (at > most || size > most - at) {
    return fail(ErrorCode::too_large, "the worker told more log than the run may write");
  }
  const std::int64_t end = at + size;
  // What is here already came twice; what is missing is asked for by `log`.
  if (at <= here.log && end > here.log) {
    here.channel->add_log(machine.attempt, text.substr(static_cast<std::size_t>(here.log - at)));
    here.log = end;
  }
  at = end;
  return {};
}

// A worker that was not answered tells it again.
awaitable<Result<void>> Home::keep_checkpoint(Guest& here, const model::Machine& machine,
                                              const wire::WorkerLine& line) {
  const store::Lease lease{machine.run_id, machine.attempt};
  const bool anew = line.type == wire::WorkerLine::Type::anew;
  if (anew && here.anew) co_return Result<void>{};
  model::Checkpoint checkpoint = line.checkpoint;
  checkpoint.attempt = machine.attempt;
  const std::string key = model::checkpoint_key(machine.run_id.str(), checkpoint);
  if (!anew) {
    auto there = co_await objects_.stat(key, base::after(kObjects));
    if (!there && there.error().code != ErrorCode::not_found) co_return there.error();
    // What came again, and was replaced meanwhile, is not there any more.
    if (!there) co_return Result<void>{};
    if (there->size != checkpoint.size) {
      co_return fail(ErrorCode::invalid_request, "the checkpoint is not what its worker says");
    }
  }
  auto done = anew ? co_await store_.drop_checkpoint(lease)
                   : co_await store_.keep_checkpoint(lease, std::move(checkpoint));
  if (!done) co_return done.error();
  here.checkpoint = anew ? "" : key;
  std::erase_if(here.untold, [&](const Guest::Untold& one) { return !anew && one.key == key; });
  here.anew = here.anew || anew;
  if (*done) co_await remove(std::move(**done));
  co_return Result<void>{};
}

awaitable<void> Home::remove(std::string key) {
  const auto gone = co_await objects_.remove(key, base::after(kRemoval));
  if (gone) co_return;
  base::log_warn("an object that nobody needs is left for the janitor",
                 {{"key", key}, {"error", gone.error().message}});
}

// False when the run is another attempt's by now.
awaitable<Result<bool>> Home::record(Guest& here, const model::Machine& machine,
                                     model::RunEnd end) {
  if (end.log.inline_bytes.size() > std::min(here.most_log, options_.most_log)) {
    co_return fail(ErrorCode::too_large, "the end has more log than the run may write");
  }
  if (end.result.inline_bytes.size() > options_.most_result) {
    co_return fail(ErrorCode::too_large, "the end has more of a result than a run may have");
  }
  if (!model::names_own_objects(end, machine.run_id, machine.attempt)) {
    co_return fail(ErrorCode::invalid_request, "the end names objects of another run");
  }
  if (auto there = co_await look_for(here, end); !there) co_return there.error();
  const store::Lease lease{machine.run_id, machine.attempt};
  bool goes_on = false;  // one that waits for another machine: from what it has saved
  if (retry::Retry::is_fault(end)) {
    auto settled = co_await retry_.settle(lease, std::move(end));
    if (!settled) co_return settled.error();
    if (*settled == retry::Became::lost) co_return false;
    goes_on = *settled == retry::Became::waits;
  } else {
    const model::RunStatus status = end.status;
    auto recorded = co_await store_.record_end(lease, std::move(end));
    if (!recorded) co_return recorded.error();
    if (!*recorded) co_return false;
    here.channel->set_status(status, machine.attempt);
  }
  here.channel->leave(machine.attempt);
  here.channel.reset();
  here.over = true;
  options_.on_end();
  if (!goes_on && !here.checkpoint.empty()) co_await remove(here.checkpoint);
  co_await remove_untold(here);
  co_return true;
}

}  // namespace mecapy::home
