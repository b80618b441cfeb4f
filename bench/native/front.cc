#include "front.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <list>
#include <optional>

#include "sandbox/channel.h"

namespace mecapy::bench {
namespace {

using base::Fd;
using sandbox::Evidence;
using sandbox::Frame;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr int kSilenceMs = 30'000;  // nothing at all for so long: given up

struct Run {
  std::uint64_t number;
  SteadyTime asked;
  sandbox::RunPipes pipes;
  sandbox::FrameParser parser;
  std::string answer{};
  std::string log{};
  std::optional<Evidence> end{};
  bool done() const { return end && !pipes.channel && !pipes.log; }
};

Error wrong(const std::string& what) { return fail(ErrorCode::internal, "bench: " + what); }

class Front {
 public:
  Front(sandbox::Sandbox& sandbox, const Work& work) : sandbox_(sandbox), work_(work) {
    limits_.timeout_s = 60;
    job_ = sandbox::encode_job(sandbox::JobKind::calculate, work.code, "{}", limits_);
  }

  Result<std::vector<Sample>> run(int runs, int in_flight) {
    int started = 0;
    while (samples_.size() < static_cast<std::size_t>(runs)) {
      while (started < runs && runs_.size() < static_cast<std::size_t>(in_flight)) {
        if (const auto begun = start(); !begun) return begun.error();
        ++started;
      }
      if (const auto heard = listen(); !heard) return heard.error();
      if (const auto kept = collect(); !kept) return kept.error();
    }
    return std::move(samples_);
  }

 private:
  Result<void> start() {
    static std::uint64_t last_number = 0;
    const SteadyTime asked = std::chrono::steady_clock::now();
    auto pipes = sandbox_.start(++last_number, limits_, work_.kind);
    if (!pipes) return pipes.error();
    const ssize_t sent = ::send(pipes->channel.get(), job_.data(), job_.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(job_.size())) return wrong("the job does not fit the socket");
    runs_.push_back({last_number, asked, std::move(*pipes), sandbox::FrameParser(limits_)});
    return {};
  }

  Result<void> listen() {
    std::vector<pollfd> fds = {{sandbox_.event_fd(), POLLIN, 0}};
    for (const Run& run : runs_) {
      fds.push_back({run.pipes.channel.get(), POLLIN, 0});  // poll(2) leaves closed ones (-1) out
      fds.push_back({run.pipes.log.get(), POLLIN, 0});
    }
    if (::poll(fds.data(), fds.size(), kSilenceMs) <= 0) return wrong("silence");
    std::size_t at = 1;
    for (Run& run : runs_) {
      if (fds[at++].revents != 0) {
        if (const auto read = read_channel(run); !read) return read.error();
      }
      if (fds[at++].revents != 0) read_into(run.log, run.pipes.log);
    }
    return fds[0].revents != 0 ? take_events() : Result<void>();
  }

  static void read_into(std::string& text, Fd& pipe) {
    char bytes[65536];
    const ssize_t got = ::read(pipe.get(), bytes, sizeof bytes);
    if (got > 0) text.append(bytes, static_cast<std::size_t>(got));
    if (got == 0) pipe.reset();
  }

  static Result<void> read_channel(Run& run) {
    std::string bytes;
    read_into(bytes, run.pipes.channel);
    std::vector<Frame> frames;
    if (const auto fed = run.parser.feed(bytes, frames); !fed) return fed.error();
    for (const Frame& frame : frames) {
      if (frame.type == Frame::Type::failure) return wrong(frame.payload);
      if (frame.type != Frame::Type::result) continue;
      if (const auto valid = sandbox::check_json(frame.payload); !valid) return valid.error();
      run.answer = frame.payload;
    }
    return {};
  }

  Result<void> take_events() {
    while (true) {
      auto event = sandbox_.next_event();
      if (!event) return event.error();
      if (!*event) return {};
      if ((*event)->kind != sandbox::Event::Kind::ended) continue;
      const auto run = std::ranges::find(runs_, (*event)->run, &Run::number);
      if (run != runs_.end()) run->end = (*event)->evidence;
    }
  }

  Result<void> collect() {
    const SteadyTime now = std::chrono::steady_clock::now();
    for (auto run = runs_.begin(); run != runs_.end();) {
      if (!run->done()) {
        ++run;
        continue;
      }
      auto sample = sample_of(*run, now);
      if (!sample) return sample.error();
      samples_.push_back(*sample);
      run = runs_.erase(run);
    }
    return {};
  }

  static Result<Sample> sample_of(const Run& run, SteadyTime now) {
    if (run.end->exit != Evidence::Exit::exited || run.end->status != 0 || run.answer.empty()) {
      return wrong("a run failed: " + run.end->setup_step + " " + run.log);
    }
    const boost::json::object answer = boost::json::parse(run.answer).as_object();
    const SteadyTime first_line{
        std::chrono::nanoseconds(answer.at("first_line_ns").to_number<std::int64_t>())};
    Sample sample;
    sample.first_line_us = duration_cast<microseconds>(first_line - run.asked).count();
    sample.total_us = duration_cast<microseconds>(now - run.asked).count();
    sample.setup_us = run.end->setup_us;
    sample.wall_us = run.end->wall_us;
    sample.cpu_us = run.end->cpu_us;
    sample.ahead = answer.at("ahead").as_bool();
    sample.value = answer.at("value").to_number<double>();
    return sample;
  }

  sandbox::Sandbox& sandbox_;
  const Work& work_;
  model::Limits limits_;
  std::string job_;
  std::list<Run> runs_;
  std::vector<Sample> samples_;
};

}  // namespace

Result<std::vector<Sample>> run_all(sandbox::Sandbox& sandbox, const Work& work, int runs,
                                    int in_flight) {
  return Front(sandbox, work).run(runs, in_flight);
}

}  // namespace mecapy::bench
