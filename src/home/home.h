// Home: what a worker on a machine made for one run reaches us by. It has a token for this one
// attempt and nothing else: no database, no object store.
//
//   POST /home/job?taker=HEX        its run, as POST /execute would bring it (wire/worker_json.h);
//                                   asked again by the same taker, the same. 409: not (any more)
//   POST /home/lines?from=N         lines of the worker's answer as they come: log (from byte N of
//                                   it), progress, last the end. Without a line: it is at work.
//                                   Answer {lease_s, stop, log, recorded}: how much longer the run
//                                   is its, whether it is to be stopped, how much of the log is
//                                   here (what comes next begins there), whether the end is kept
//   GET  /home/objects/KEY          its inputs
//   PUT  /home/objects/KEY?offset=N&last=0|1   a piece of an object of this attempt; {have, done}.
//                                   409 with `have` when it does not go on from what is here
//
// 401: the token is good no more, 409 at lines: the run is not its any more; the worker stops and
// leaves. Runs on the thread of the io_context.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "feed/feed.h"
#include "model/machine.h"
#include "net/http.h"
#include "objects/objects.h"
#include "store/store.h"

namespace mecapy::home {

using boost::asio::awaitable;

inline constexpr std::string_view kPrefix = "/home/";
// A piece of an object, at most, bytes.
inline constexpr std::int64_t kLargestPiece = 4 << 20;

struct Options {
  std::chrono::seconds lease{120};  // a worker that is not heard for so long has lost its run
  // The run of a machine has ended.
  std::function<void()> on_end = [] {};
};

class Home {
 public:
  // Objects must outlive it.
  Home(store::Store& store, objects::ObjectStore& objects, feed::Feed& feed, Options options);
  ~Home();

  static bool is_for(const net::Request& head) { return head.path.starts_with(kPrefix); }
  // Refuses before the body is read: no such path or method, no token.
  std::optional<net::Response> admit(const net::Request& head) const;
  awaitable<void> handle(net::Exchange& exchange);

 private:
  struct Guest;  // a machine whose worker calls
  using Answer = Result<std::optional<net::Response>>;
  awaitable<Result<model::Machine>> who(const net::Request& request);
  Guest& guest(const model::Machine& machine);
  awaitable<Answer> answer(net::Exchange& exchange);
  awaitable<Answer> give_job(const net::Request& request, const model::Machine& machine);
  awaitable<Answer> take_lines(const net::Request& request, const model::Machine& machine);
  awaitable<Result<bool>> record(const model::Machine& machine, model::RunEnd end);
  awaitable<Answer> give_object(net::Exchange& exchange, const model::Machine& machine,
                                std::string key);
  awaitable<Answer> take_piece(const net::Request& request, const model::Machine& machine,
                               std::string key);
  void forget_old();

  store::Store& store_;
  objects::ObjectStore& objects_;
  feed::Feed& feed_;
  Options options_;
  std::unordered_map<model::MachineId, std::unique_ptr<Guest>> guests_;
};

}  // namespace mecapy::home
