// The collector: reads one run's channel and log pipe to their ends, within bounds.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "model/run.h"
#include "objects/objects.h"
#include "sandbox/channel.h"
#include "sandbox/verdict.h"
#include "worker/checkpoint_keeper.h"
#include "worker/log_text.h"
#include "worker/runner.h"

namespace mecapy::worker {

// Keeps the artifacts of one attempt as objects while their bytes arrive.
class ArtifactKeeper {
 public:
  ArtifactKeeper(objects::ObjectStore& objects, std::string key_prefix);
  ~ArtifactKeeper();
  // Takes an artifact frame. Errors are those of the object store.
  awaitable<Result<void>> accept(const sandbox::Frame& frame);
  std::vector<model::Artifact> take() { return std::move(done_); }
  std::int64_t bytes() const { return bytes_; }

 private:
  awaitable<Result<void>> begin(const std::string& name);
  awaitable<Result<void>> data(const std::string& bytes);
  awaitable<Result<void>> end();
  objects::ObjectStore& objects_;
  std::string key_prefix_;
  std::unique_ptr<objects::Writer> writer_;
  base::Sha256 digest_;
  model::Artifact open_;
  std::vector<model::Artifact> done_;
  std::int64_t bytes_ = 0;
};

struct Collected {
  sandbox::ChannelReport report;
  std::string log;                     // UTF-8, at most the limit
  std::optional<Error> storage_error;  // an artifact could not be kept
};

class Collector {
 public:
  // `kill` ends the run; called when the log passes its limit or the channel breaks its rules.
  // Large results are checked on `threads`.
  Collector(boost::asio::thread_pool& threads, const model::Limits& limits, Sink& sink,
            ArtifactKeeper& artifacts, CheckpointKeeper& checkpoints, std::function<void()> kill);
  // What the platform has to say first; before read_log().
  void begin_log(const std::string& note) { add_log(note); }
  // Each returns when its pipe is closed by every process of the run.
  awaitable<void> read_channel(boost::asio::posix::stream_descriptor& channel);
  awaitable<void> read_log(boost::asio::posix::stream_descriptor& log);
  Collected take() { return std::move(collected_); }

 private:
  awaitable<void> take_frames(std::vector<sandbox::Frame>& frames);
  awaitable<void> take_result(std::string json);
  void add_log(const std::string& text);
  void break_off(Error error);
  boost::asio::thread_pool& threads_;
  Sink& sink_;
  ArtifactKeeper& artifacts_;
  CheckpointKeeper& checkpoints_;
  std::function<void()> kill_;
  sandbox::FrameParser parser_;
  std::size_t log_limit_;
  LogText log_text_;
  Collected collected_;
};

}  // namespace mecapy::worker
