// What the runs of a workflow run's nodes write and report, for one who watches it: their log and
// progress. A list's elements are not among them.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "api/bell.h"
#include "api/routes.h"
#include "model/workflow.h"
#include "model/workflow_run.h"

namespace mecapy::api {

// Each awaitable is false when the watcher is gone.
class NodeNews {
 public:
  // All outlive it. `id`: where the stream is resumed behind an event, which is told anew then.
  NodeNews(Api& api, std::string user, const model::Workflow& definition, net::ResponseStream& out,
           Bell& bell, std::function<std::string()> id)
      : api_(api),
        user_(std::move(user)),
        definition_(definition),
        out_(out),
        bell_(bell),
        id_(std::move(id)) {}

  // A node has changed, which is told after this: the rest of the log of a run that is over; of one
  // that goes on from now on.
  awaitable<bool> changed(std::size_t place, const model::WorkflowRun& run);
  // What is new of those that go on.
  awaitable<bool> live();

 private:
  struct Watched {
    model::RunId run_id;
    std::shared_ptr<feed::Channel> channel{};
    int attempt = 0;      // the one that is told
    std::size_t log = 0;  // bytes of its log that were told
    std::string progress{};
  };
  awaitable<bool> live(std::size_t place, Watched& one);
  awaitable<bool> finish(std::size_t place, Watched one);
  std::string log_event(std::size_t place, Watched& one, std::string_view text) const;

  Api& api_;
  std::string user_;
  const model::Workflow& definition_;
  net::ResponseStream& out_;
  Bell& bell_;
  std::function<std::string()> id_;
  std::map<std::size_t, Watched> watched_{};  // by the node's place
};

}  // namespace mecapy::api
