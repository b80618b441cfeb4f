#include "home/home.h"

#include <charconv>
#include <utility>
#include <vector>

#include "auth/auth.h"
#include "base/log.h"
#include "base/sha256.h"
#include "wire/api_json.h"
#include "wire/json.h"
#include "wire/worker_json.h"

namespace mecapy::home {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kObjects{60};  // one call of the object store
constexpr std::chrono::minutes kForget{10};   // a worker that is silent for longer
constexpr std::string_view kObjectPath = "/home/objects/";
constexpr std::size_t kLongestTaker = 64;
constexpr std::size_t kTokenDigits = 64;

enum class Path : std::uint8_t { job, lines, object, none };

Path path_of(const net::Request& request) {
  if (request.path == "/home/job") return Path::job;
  if (request.path == "/home/lines") return Path::lines;
  return request.path.starts_with(kObjectPath) ? Path::object : Path::none;
}

bool takes(Path path, const std::string& method) {
  if (path == Path::object) return method == "GET" || method == "PUT";
  return method == "POST";
}

net::Response page(const Error& error, const std::string& request_id) {
  net::Response response;
  response.status = base::row(error.code).http_status;
  response.content_type = "application/problem+json";
  response.body = wire::problem_json(error, response.status, request_id);
  return response;
}

net::Response json(std::string body) {
  net::Response response;
  response.body = std::move(body);
  return response;
}

// A whole number that a query gives; nothing when it gives none.
std::optional<std::int64_t> number(const net::Request& request, const std::string& name) {
  const auto it = request.query.find(name);
  if (it == request.query.end()) return std::nullopt;
  std::int64_t value = 0;
  const char* end = it->second.data() + it->second.size();
  const auto [at, ec] = std::from_chars(it->second.data(), end, value);
  if (ec != std::errc() || at != end || value < 0) return std::nullopt;
  return value;
}

Error wrong_query(const char* name) {
  return fail_at("#query/" + std::string(name), ErrorCode::invalid_fields,
                 std::string(name) + " is missing, or is not what it must be");
}

Error lost() { return fail(ErrorCode::conflict, "the run is not this machine's any more"); }

// The lines of a body, each as a worker's answer has it.
Result<std::vector<wire::WorkerLine>> read_lines(std::string_view body) {
  std::vector<wire::WorkerLine> lines;
  while (!body.empty()) {
    const std::size_t end = body.find('\n');
    const std::string_view one = body.substr(0, end);
    body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
    if (one.empty()) continue;
    auto line = wire::read_worker_line(one);
    if (!line) return line.error();
    lines.push_back(std::move(*line));
  }
  return lines;
}

}  // namespace

struct Home::Guest {
  std::shared_ptr<feed::Channel> channel{};
  std::int64_t log = 0;  // bytes of it that came to this process
  std::string key{};     // of the object that is on its way; "" when none is
  std::unique_ptr<objects::Writer> writer{};
  std::int64_t have = 0;
  bool busy = false;  // a piece of it is being written
  steady_clock::time_point heard{};
};

Home::Home(store::Store& store, objects::ObjectStore& objects, feed::Feed& feed, Options options)
    : store_(store), objects_(objects), feed_(feed), options_(std::move(options)) {}

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

Home::Guest& Home::guest(const model::Machine& machine) {
  std::unique_ptr<Guest>& guest = guests_[machine.id];
  if (!guest) guest = std::make_unique<Guest>();
  guest->heard = steady_clock::now();
  if (!guest->channel) {
    guest->channel = feed_.open(machine.run_id);
    guest->channel->set_status(model::RunStatus::running, machine.attempt);
  }
  return *guest;
}

void Home::forget_old() {
  const auto before = steady_clock::now() - kForget;
  std::erase_if(guests_, [&](const auto& entry) {
    return !entry.second->busy && entry.second->heard < before;
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
  guest(working);
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
  auto lines = read_lines(request.body);
  if (!lines) co_return lines.error();
  std::vector<store::Lease> lease{{machine.run_id, machine.attempt}};
  auto held = co_await store_.extend_leases(model::claimant_of(machine.id), std::move(lease),
                                            options_.lease);
  if (!held) co_return held.error();
  if (!held->lost.empty()) co_return lost();
  Guest& here = guest(machine);
  bool recorded = false;
  std::int64_t at = *from;
  for (wire::WorkerLine& line : *lines) {
    if (line.type == wire::WorkerLine::Type::log) {
      const auto end = at + static_cast<std::int64_t>(line.text.size());
      // What is here already came twice; what is missing is asked for by `log`.
      if (at <= here.log && end > here.log) {
        const auto known = static_cast<std::size_t>(here.log - at);
        here.channel->add_log(machine.attempt, std::string_view(line.text).substr(known));
        here.log = end;
      }
      at = end;
    } else if (line.type == wire::WorkerLine::Type::progress) {
      here.channel->set_progress(machine.attempt, line.text);
    } else if (line.type == wire::WorkerLine::Type::end) {
      auto kept = co_await record(machine, std::move(line.end));
      if (!kept) co_return kept.error();
      if (!*kept) co_return lost();
      recorded = true;
      break;
    }
  }
  const bool stop = !held->cancel_requested.empty();
  co_return json(std::move(wire::ObjectWriter()
                               .integer("lease_s", options_.lease.count())
                               .boolean("stop", stop)
                               .integer("log", here.log)
                               .boolean("recorded", recorded))
                     .finish());
}

// False when the run is another attempt's by now.
awaitable<Result<bool>> Home::record(const model::Machine& machine, model::RunEnd end) {
  if (!model::names_own_objects(end, machine.run_id, machine.attempt)) {
    co_return fail(ErrorCode::invalid_request, "the end names objects of another run");
  }
  const store::Lease lease{machine.run_id, machine.attempt};
  const model::RunStatus status = end.status;
  auto recorded = co_await store_.record_end(lease, std::move(end));
  if (!recorded) co_return recorded.error();
  if (!*recorded) co_return false;
  Guest& here = guest(machine);
  here.channel->set_status(status, machine.attempt);
  here.channel->leave(machine.attempt);
  guests_.erase(machine.id);
  options_.on_end();
  co_return true;
}

awaitable<Home::Answer> Home::give_object(net::Exchange& exchange, const model::Machine& machine,
                                          std::string key) {
  if (key != "inputs/" + machine.run_id.str() + ".json") {
    co_return fail(ErrorCode::not_found, "no such object");
  }
  auto info = co_await objects_.stat(key, base::after(kObjects));
  if (!info) co_return info.error();
  net::Response head;
  auto out = co_await exchange.start_stream(std::move(head), info->size);
  for (std::int64_t at = 0; at < info->size;) {
    auto piece = co_await objects_.read(key, at, kLargestPiece, base::after(kObjects));
    if (!piece || piece->empty()) break;  // its length tells the worker
    at += static_cast<std::int64_t>(piece->size());
    if (const auto sent = co_await out->write(*piece); !sent) break;
  }
  co_return std::optional<net::Response>();
}

awaitable<Home::Answer> Home::take_piece(const net::Request& request, const model::Machine& machine,
                                         std::string key) {
  const auto offset = number(request, "offset");
  if (!offset) co_return wrong_query("offset");
  const bool last = number(request, "last").value_or(0) == 1;
  const bool own = machine.state == model::MachineState::working &&
                   model::is_object_of(key, machine.run_id, machine.attempt);
  if (!own) co_return fail(ErrorCode::not_found, "no object of this run");
  if (static_cast<std::int64_t>(request.body.size()) > kLargestPiece) {
    co_return fail(ErrorCode::too_large, "a piece is 4 MiB at most");
  }
  const auto told = [](std::int64_t have, bool done) {
    return json(
        std::move(wire::ObjectWriter().integer("have", have).boolean("done", done)).finish());
  };
  Guest& here = guest(machine);
  if (here.busy) co_return fail(ErrorCode::conflict, "another piece is being written");
  struct Busy {
    explicit Busy(bool& flag) : flag(flag) { flag = true; }
    ~Busy() { flag = false; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;
    bool& flag;
  };
  const Busy busy(here.busy);
  if (here.key != key || *offset == 0) {
    here.writer.reset();
    here.key = key;
    here.have = 0;
  }
  if (*offset != here.have) {
    net::Response response = told(here.have, false);
    response.status = 409;
    co_return response;
  }
  if (!here.writer) {
    auto writer = co_await objects_.create(key, base::after(kObjects));
    if (!writer) co_return writer.error();
    here.writer = std::move(*writer);
  }
  const auto size = static_cast<std::int64_t>(request.body.size());
  auto appended = co_await here.writer->append(request.body, base::after(kObjects));
  if (appended && last) appended = co_await here.writer->commit(base::after(kObjects));
  if (!appended) {
    here.writer.reset();
    here.have = 0;
    // It is there: the answer to its last piece was lost. Nobody else writes this key.
    const bool there = last && appended.error().code == ErrorCode::conflict;
    if (!there) co_return appended.error();
    co_return told(*offset + size, true);
  }
  here.have += size;
  const std::int64_t have = here.have;
  if (last) {
    here.writer.reset();
    here.key.clear();
    here.have = 0;
  }
  co_return told(have, last);
}

}  // namespace mecapy::home
