#include "worker/runner.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <csignal>

#include "base/id.h"
#include "base/log.h"
#include "base/offload.h"
#include "base/sha256.h"
#include "sandbox/verdict.h"
#include "wire/json.h"
#include "worker/checkpoint_keeper.h"
#include "worker/collector.h"

namespace mecapy::worker {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using namespace boost::asio::experimental::awaitable_operators;

constexpr std::chrono::seconds kStoreDeadline{30};
constexpr std::chrono::seconds kSlotDeadline{60};
constexpr std::chrono::seconds kPulse{2};
constexpr int kMostUnanswered = 5;
constexpr std::chrono::milliseconds kShutdownIsHeard{200};

class Deaf final : public Sink {
 public:
  void started() override {}
  void log(std::string_view) override {}
  void progress(std::string_view) override {}
};

}  // namespace

Attempt check_of(std::string code) {
  Attempt attempt;
  attempt.kind = sandbox::JobKind::check;
  attempt.run_id = base::make_uuid7();
  attempt.code = std::move(code);
  attempt.inputs.inline_bytes = "{}";
  attempt.limits.timeout_s = 3;
  attempt.limits.memory_mb = 512;
  return attempt;
}

// One attempt that is in the sandbox.
struct Runner::Live {
  explicit Live(asio::io_context& io) : done(io, asio::steady_timer::time_point::max()) {}
  std::optional<sandbox::Evidence> evidence;
  asio::steady_timer done;  // cancelled when the evidence is there
  Sink* sink = nullptr;

  awaitable<void> ended() {
    error_code ec;
    while (!evidence) co_await done.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
};

Runner::Runner(asio::io_context& io, asio::thread_pool& threads,
               std::unique_ptr<sandbox::Sandbox> sandbox, objects::ObjectStore& objects,
               RunnerOptions options, std::function<void()> on_lost)
    : io_(io),
      threads_(threads),
      sandbox_(std::move(sandbox)),
      objects_(objects),
      options_(std::move(options)),
      on_lost_(std::move(on_lost)),
      events_(io, sandbox_->event_fd()),
      pulse_(io),
      free_slots_(sandbox_->slots()) {
  asio::co_spawn(io_, pump_events(), asio::detached);
  asio::co_spawn(io_, watch_supervisor(), asio::detached);
}

Runner::~Runner() { events_.release(); }

awaitable<void> Runner::pump_events() {
  while (true) {
    error_code ec;
    co_await events_.async_wait(asio::posix::stream_descriptor::wait_read,
                                asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return;
    while (true) {
      auto event = sandbox_->next_event();
      if (!event) {
        base::log_error("the sandbox is gone", {{"error", event.error().message}});
        on_lost_();
        co_return;
      }
      if (!*event) break;
      unanswered_pings_ = 0;
      if ((*event)->kind == sandbox::Event::Kind::pong) {
        zygote_memory_ = (*event)->zygote_memory;
        spare_memory_ = (*event)->spare_memory;
      }
      const auto it = live_.find((*event)->run);
      if (it == live_.end()) continue;
      Live& live = *it->second;
      if ((*event)->kind == sandbox::Event::Kind::started) {
        live.sink->started();
      } else {
        live.evidence = (*event)->evidence;
        live.done.cancel();
      }
    }
  }
}

// A supervisor that hangs keeps no limit. Pings are counted, not time: this process may have stood
// still itself.
awaitable<void> Runner::watch_supervisor() {
  while (true) {
    ++unanswered_pings_;
    sandbox_->ping();
    error_code ec;
    pulse_.expires_after(kPulse);
    co_await pulse_.async_wait(asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return;
    if (unanswered_pings_ >= kMostUnanswered) {
      base::log_error("the sandbox's supervisor hangs");
      on_lost_();
      co_return;
    }
  }
}

awaitable<Result<void>> Runner::acquire_slot(sandbox::JobKind kind, Stop& stop) {
  const bool check = kind == sandbox::JobKind::check;
  Line& line = check ? waiting_checks_ : waiting_;
  if (check ? check_may_start() : free_slots_ > 0) {
    --free_slots_;
    if (check) ++checking_;
    co_return Result<void>{};
  }
  if (line.size() >= (check ? options_.max_waiting_checks : options_.max_waiting)) {
    co_return fail(ErrorCode::busy, "all slots are taken");
  }
  asio::steady_timer turn(io_, kSlotDeadline);
  line.push_back(&turn);
  error_code ec;
  stop.hook = [&turn] { turn.cancel(); };
  if (!stop.requested) {
    co_await turn.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
  stop.hook = nullptr;
  // Whoever frees a slot takes us out of the line and hands the slot over.
  const auto it = std::ranges::find(line, &turn);
  if (it == line.end()) co_return Result<void>{};
  line.erase(it);
  co_return fail(ErrorCode::busy, "no slot became free in time");
}

void Runner::release_slot(sandbox::JobKind kind) {
  if (kind == sandbox::JobKind::check) --checking_;
  ++free_slots_;
  const auto hand_over = [this](Line& line) {
    --free_slots_;
    line.front()->cancel();
    line.pop_front();
  };
  if (!waiting_.empty()) {
    hand_over(waiting_);
  } else if (!waiting_checks_.empty() && check_may_start()) {
    ++checking_;
    hand_over(waiting_checks_);
  }
}

// The stored inputs, checked; an error says what is wrong with them.
awaitable<Result<std::string>> Runner::fetch_inputs(std::string key) {
  auto inputs =
      co_await objects_.get(std::move(key), options_.inputs_limit, base::after(kStoreDeadline));
  if (!inputs) {
    co_return fail(inputs.error().code, "the inputs could not be read: " + inputs.error().message);
  }
  const std::string& text = *inputs;
  auto valid = co_await base::beside_loop<void>(threads_, text.size(),
                                                [&text] { return wire::validate_json(text); });
  if (!valid) {
    const bool late = valid.error().code == ErrorCode::deadline_exceeded;
    const std::string_view what =
        late ? "the inputs could not be read: " : "the stored inputs are damaged: ";
    co_return fail(valid.error().code, std::string(what) + valid.error().message);
  }
  co_return std::move(inputs);
}

awaitable<Result<void>> Runner::fetch_checkpoint(Attempt& attempt, Sink& sink) {
  if (!attempt.checkpoint) co_return Result<void>{};
  const model::Checkpoint& there = *attempt.checkpoint;
  std::string why = "it is larger than the run's limit";
  if (static_cast<double>(there.size) <= attempt.limits.checkpoint_mb * (1 << 20)) {
    auto bytes = co_await objects_.read(model::checkpoint_key(attempt.run_id, there), 0,
                                        there.size + 1, base::after(kStoreDeadline));
    if (!bytes && bytes.error().code != ErrorCode::not_found) {
      co_return fail(bytes.error().code,
                     "the checkpoint could not be read: " + bytes.error().message);
    }
    why = "it is not there any more";
    if (bytes) {
      const std::string& text = *bytes;
      auto sha256 = co_await base::beside_loop<std::string>(
          threads_, text.size(),
          [&text]() -> Result<std::string> { return base::sha256_hex(text); });
      if (!sha256) co_return sha256.error();
      why = "it is damaged";
      if (*sha256 == there.sha256) {
        attempt.state = std::move(*bytes);
        co_return Result<void>{};
      }
    }
  }
  base::log_warn("a checkpoint cannot be used", {{"run", attempt.run_id},
                                                 {"attempt", attempt.number},
                                                 {"saved_by", there.attempt},
                                                 {"why", why}});
  sink.anew();
  attempt.note = "mecapy: the checkpoint of attempt " + std::to_string(there.attempt) +
                 " cannot be used, " + why + ": from the beginning\n";
  co_return Result<void>{};
}

awaitable<model::RunEnd> Runner::run(Attempt attempt, Sink& sink, Stop& stop) {
  if (attempt.limits.gpus > options_.gpus) {
    co_return model::failed_end(model::OutcomeCode::backend_unavailable,
                                "its machine has not the graphics processors it asked for");
  }
  if (attempt.inputs.stored()) {
    auto inputs = co_await fetch_inputs(attempt.inputs.key);
    if (!inputs) {
      co_return model::failed_end(model::OutcomeCode::storage_unavailable, inputs.error().message);
    }
    attempt.inputs.inline_bytes = std::move(*inputs);
  }
  if (auto fetched = co_await fetch_checkpoint(attempt, sink); !fetched) {
    co_return model::failed_end(model::OutcomeCode::storage_unavailable, fetched.error().message);
  }
  model::RunEnd end;
  end.status = model::RunStatus::cancelled;
  if (auto slot = co_await acquire_slot(attempt.kind, stop); !slot) {
    if (stop.requested) co_return end;
    co_return model::failed_end(model::OutcomeCode::backend_unavailable, slot.error().message);
  }
  if (!stop.requested) attempt.zygote = co_await choose_zygote(attempt, stop);
  if (!stop.requested) end = co_await run_in_slot(attempt, sink, stop);
  if (attempt.kind == sandbox::JobKind::check && end.status == model::RunStatus::completed) {
    kinds_.learn(attempt.code, end.result.inline_bytes);
  }
  release_slot(attempt.kind);
  end.environment = options_.environment;
  co_return end;
}

awaitable<sandbox::ZygoteKind> Runner::choose_zygote(const Attempt& attempt, Stop& stop) {
  if (attempt.kind == sandbox::JobKind::check) co_return sandbox::ZygoteKind::bare;
  if (options_.largest_zygote <= sandbox::ZygoteKind::numpy) {
    co_return std::min(options_.largest_zygote, sandbox::highest_mentioned(attempt.code));
  }
  if (const auto known = kinds_.find(attempt.code)) co_return *known;
  Attempt look = check_of(attempt.code);
  Deaf nobody;
  const model::RunEnd end = co_await run_in_slot(look, nobody, stop);
  // Code that cannot be parsed is remembered, too: it needs no packages to fail.
  if (!stop.requested) kinds_.learn(attempt.code, end.result.inline_bytes);
  co_return kinds_.find(attempt.code).value_or(sandbox::ZygoteKind::bare);
}

namespace {

awaitable<void> write_job(asio::posix::stream_descriptor& channel, std::string job) {
  error_code ec;
  // A run that dies early breaks the pipe; its evidence says why.
  co_await asio::async_write(channel, asio::buffer(job),
                             asio::redirect_error(asio::use_awaitable, ec));
}

// Puts a large payload into the object store, or leaves it inline.
awaitable<Result<void>> keep(objects::ObjectStore& objects, std::string key, std::string bytes,
                             bool as_object, model::Payload& out) {
  if (!as_object) {
    out = {std::move(bytes), ""};
    co_return Result<void>{};
  }
  auto put = co_await objects.put(key, std::move(bytes), base::after(kStoreDeadline));
  if (!put) co_return put.error();
  out = {"", std::move(key)};
  co_return Result<void>{};
}

}  // namespace

// Who stops a service by signals to all its processes, as systemd does unless told otherwise, ends
// runs as well. A run may hear of it before this process does.
awaitable<bool> Runner::ended_by_shutdown(const sandbox::Evidence& evidence) {
  using Exit = sandbox::Evidence::Exit;
  const bool ours = evidence.deadline_fired || evidence.cpu_fired || evidence.kill_requested ||
                    evidence.oom_kills > 0 || evidence.passed != sandbox::Evidence::Passed::nothing;
  if (ours || evidence.exit != Exit::signalled) co_return false;
  if (evidence.status == SIGTERM && !draining_) {
    asio::steady_timer timer(io_, kShutdownIsHeard);
    co_await timer.async_wait(asio::use_awaitable);
  }
  co_return draining_ && (evidence.status == SIGTERM || evidence.status == SIGKILL);
}

awaitable<model::RunEnd> Runner::run_in_slot(Attempt& attempt, Sink& sink, Stop& stop) {
  const std::uint64_t run = next_run_++;
  auto pipes = sandbox_->start(run, attempt.limits, attempt.zygote);
  if (!pipes) co_return model::failed_end(model::OutcomeCode::internal, pipes.error().message);
  Live live(io_);
  live.sink = &sink;
  live_.emplace(run, &live);
  stop.hook = [this, run] { sandbox_->kill(run); };

  asio::posix::stream_descriptor channel(io_, pipes->channel.release());
  asio::posix::stream_descriptor log(io_, pipes->log.release());
  ArtifactKeeper artifacts(objects_,
                           "artifacts/" + model::object_stem(attempt.run_id, attempt.number) + "/");
  CheckpointKeeper checkpoints(io_, objects_, attempt, sink);
  Collector collector(threads_, attempt.limits, sink, artifacts, checkpoints,
                      [this, run] { sandbox_->kill(run); });
  const auto over = [&]() -> awaitable<void> {
    co_await live.ended();
    checkpoints.hurry();
  };
  std::string job = sandbox::encode_job(attempt.kind, attempt.code, attempt.inputs.inline_bytes,
                                        attempt.limits, std::exchange(attempt.state, ""));
  collector.begin_log(attempt.note);
  co_await (write_job(channel, std::move(job)) && collector.read_channel(channel) &&
            collector.read_log(log) && over());
  live_.erase(run);
  stop.hook = nullptr;

  Collected collected = collector.take();
  model::RunEnd end = sandbox::judge(*live.evidence, collected.report, attempt.limits);
  if (stop.requested) {
    end = {.status = model::RunStatus::cancelled, .usage = end.usage};
  } else if (end.status != model::RunStatus::completed &&
             co_await ended_by_shutdown(*live.evidence)) {
    co_return model::failed_end(model::OutcomeCode::worker_lost,
                                "ended by a signal while the worker was shutting down");
  } else if (collected.storage_error) {  // which is why the run was killed
    co_return model::failed_end(
        model::OutcomeCode::storage_unavailable,
        "what the run made could not be kept: " + collected.storage_error->message);
  }
  end.log_truncated = collected.report.log_overflow;
  end.usage.log_bytes = static_cast<std::int64_t>(collected.log.size());
  end.usage.artifact_bytes = artifacts.bytes();
  end.artifacts = artifacts.take();
  const std::string stem = model::object_stem(attempt.run_id, attempt.number);
  std::string result;
  if (end.status == model::RunStatus::completed) result = std::move(*collected.report.result);
  end.usage.result_bytes = static_cast<std::int64_t>(result.size());
  // What a check finds is for the platform alone, and small: it never becomes an object.
  const bool is_run = attempt.kind == sandbox::JobKind::calculate;
  const bool large = is_run && end.status == model::RunStatus::completed &&
                     (!attempt.inline_allowed || end.usage.result_bytes > options_.inline_limit);
  // Where the result is, all is, for whom the answer does not reach.
  const bool log_beside =
      is_run && (end.usage.log_bytes > options_.inline_limit || (large && end.usage.log_bytes > 0));
  Result<void> kept = co_await keep(objects_, "logs/" + stem + ".txt", std::move(collected.log),
                                    log_beside, end.log);
  if (kept && end.status == model::RunStatus::completed) {
    kept =
        co_await keep(objects_, "results/" + stem + ".json", std::move(result), large, end.result);
  }
  if (!kept && end.status != model::RunStatus::cancelled) {
    co_return model::failed_end(model::OutcomeCode::storage_unavailable,
                                "what the run made could not be kept: " + kept.error().message);
  }
  co_return end;
}

}  // namespace mecapy::worker
