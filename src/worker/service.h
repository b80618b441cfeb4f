// The worker's HTTP service: POST /execute and /check, GET /health.
//
// The same (run_id, attempt) sent again while it runs joins the running one; sent again later, it
// is answered from the last ends (256 of them, 32 MiB in all). A call without a run id is a run of
// its own each time, with objects of its own: "results/{task_id}.{uuid}.json". When the last caller
// of a run hangs up, the run is stopped.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "net/http.h"
#include "wire/worker_json.h"
#include "worker/runner.h"

namespace mecapy::worker {

class Execution;

class Service {
 public:
  // `token`: callers must send it as X-Auth-Token; "" asks for none. Limits over `ceilings` are
  // refused. Large bodies are read on `threads`.
  Service(boost::asio::io_context& io, boost::asio::thread_pool& threads, Runner& runner,
          std::string token, const model::Limits& ceilings);
  ~Service();

  awaitable<void> handle(net::Exchange& exchange);
  // Refuses before the body is read: wrong token, path or method.
  std::optional<net::Response> admit(const net::Request& head) const;
  // Takes no new runs from now on; at_rest() tells when the last has ended.
  void drain() {
    draining_ = true;
    runner_.drain();
  }
  // Whether nothing runs, and every answer has gone.
  bool at_rest() const { return executions_.empty() && answering_ == 0; }

  // The JSON of an error answer.
  static net::Response error_page(const Error& error, const std::string& request_id);

 private:
  awaitable<void> execute(net::Exchange& exchange);
  awaitable<void> check(net::Exchange& exchange);
  awaitable<void> answer(net::Exchange& exchange, std::shared_ptr<Execution> execution);
  awaitable<void> answer_again(net::Exchange& exchange, const std::string& end_line);
  std::shared_ptr<Execution> begin(std::string key, Attempt attempt);
  awaitable<void> run(std::shared_ptr<Execution> execution, Attempt attempt);
  void remember(const std::string& key, std::string end_line);
  std::string health() const;

  boost::asio::io_context& io_;
  boost::asio::thread_pool& threads_;
  Runner& runner_;
  std::string token_;
  model::Limits ceilings_;
  bool draining_ = false;
  int answering_ = 0;  // calls of which the answer has not gone
  std::unordered_map<std::string, std::shared_ptr<Execution>> executions_;  // by "run/attempt"
  std::unordered_map<std::string, std::string> ended_;                      // end lines
  std::deque<std::string> ended_order_;                                     // oldest first
  std::size_t ended_bytes_ = 0;
};

}  // namespace mecapy::worker
