// What the parts of the API process tell, as metrics and in the log.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/api.h"
#include "backends/backend.h"
#include "base/recent.h"
#include "dispatcher/dispatcher.h"
#include "metrics/metrics.h"
#include "net/http_server.h"
#include "objects/objects.h"
#include "orchestrator/orchestrator.h"
#include "queue/queue.h"
#include "store/store.h"

namespace mecapy::main {

// All on the loop's thread.
class Monitor {
 public:
  // `backends`: those whose runs are told of, so that their series are there from the start.
  explicit Monitor(const std::vector<backends::Backend*>& backends);

  // To be given to the parts; they must not outlive this.
  api::Hooks hooks();
  void hear_attempt(const dispatcher::AttemptReport& report);
  void hear_served(const net::Served& served);
  void hear_workflow_end(const model::WorkflowRun& run);

  // Whose figures are asked for at each scrape; none before all of them are there.
  struct Parts {
    const store::Store& store;
    const queue::Queue& queue;
    const objects::ObjectStore& objects;
    const dispatcher::Dispatcher& dispatcher;
    const orchestrator::Orchestrator& orchestrator;
    const api::Api& api;
    const net::HttpServer& server;
  };
  void watch(Parts parts);
  // The same of others, that must outlive the metrics' server.
  void ask(std::function<void(metrics::Figures&)> figures) { metrics_.ask(std::move(figures)); }

  const metrics::Metrics& metrics() const { return metrics_; }

 private:
  // Of a run that no attempt has ended.
  void hear_end(const model::Run& run, std::string_view backend);
  void count_attempt(const dispatcher::AttemptReport& report, std::string_view backend);
  // "" when it came to another process, or long ago.
  std::string_view request_for(const model::RunId& run);
  void log_attempt(const dispatcher::AttemptReport& report, std::string_view backend);

  metrics::Metrics metrics_;
  base::Recent<model::RunId, std::string> request_of_{8192};  // the id of that which asked for it
};

}  // namespace mecapy::main
