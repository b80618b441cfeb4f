// Home: what a worker on a machine made for one run reaches us by. It has a token for this one
// attempt and nothing else: no database, no object store.
//
//   POST /home/job?taker=HEX        its run, as POST /execute would bring it (wire/worker_json.h);
//                                   asked again by the same taker, the same. 409: not (any more)
//   POST /home/lines?from=N         lines of the worker's answer as they come: log (from byte N of
//                                   it), progress, checkpoints, last the end. Without a line: it is
//                                   at work. Answer {lease_s, stop, log, recorded}: how much longer
//                                   the run is its, whether it is to be stopped, how much of the
//                                   log is here (what comes next begins there), whether the end is
//                                   kept. One call at a time (429 for another). An end that the
//                                   platform is at fault for is that of the attempt: the run waits
//                                   for another machine, as long as it has attempts
//   GET  /home/objects/KEY          its inputs, or a checkpoint of its run. A large one: 307 to a
//                                   link of the object store's; with ?link=0 the bytes
//   POST /home/objects/KEY?size=N&sha256=HEX   before a large one of this attempt is written:
//                                   {done, url, headers}, the PUT by which it may be, or without
//                                   url, when it is to come in pieces. When it was written: {done}
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
#include "retry/retry.h"
#include "store/store.h"
#include "wire/worker_json.h"

namespace mecapy::home {

using boost::asio::awaitable;

inline constexpr std::string_view kPrefix = "/home/";
// A piece of an object, at most, bytes.
inline constexpr std::int64_t kLargestPiece = 4 << 20;

struct Options {
  std::chrono::seconds lease{120};   // a worker that is not heard for so long has lost its run
  std::int64_t link_from = 8 << 20;  // bytes: smaller objects go through home
  // What one attempt may write: its checkpoints each, all else together.
  std::int64_t most_checkpoint = 64 << 20;
  std::int64_t most_bytes = 128 << 20;
  std::size_t most_log = 1 << 20;     // bytes of log, where the run's own limit is not known
  std::size_t most_result = 8 << 20;  // bytes of a result that an end has in itself
  // The run of a machine has ended.
  std::function<void()> on_end = [] {};
  retry::Policy retry{};  // of a run that a worker's end says the platform failed
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
  // The machine's guest, kept for as long as its worker may call. Whoever waits while it has one
  // keeps a share of it, and asks `over` when it goes on.
  std::shared_ptr<Guest> guest(const model::Machine& machine);
  awaitable<Answer> answer(net::Exchange& exchange);
  awaitable<Answer> give_job(const net::Request& request, const model::Machine& machine);
  awaitable<Answer> take_lines(const net::Request& request, const model::Machine& machine);
  awaitable<Result<bool>> hear(Guest& here, const model::Machine& machine, std::string_view body,
                               std::int64_t at);
  Result<void> add_log(Guest& here, const model::Machine& machine, std::string_view text,
                       std::int64_t& at) const;
  awaitable<Result<void>> keep_checkpoint(Guest& here, const model::Machine& machine,
                                          const wire::WorkerLine& line);
  awaitable<void> remove(std::string key);
  awaitable<Result<bool>> record(Guest& here, const model::Machine& machine, model::RunEnd end);
  awaitable<Answer> give_object(net::Exchange& exchange, const model::Machine& machine,
                                std::string key);
  awaitable<Answer> take_piece(const net::Request& request, const model::Machine& machine,
                               std::string key);
  awaitable<Answer> give_link(const net::Request& request, const model::Machine& machine,
                              std::string key);
  awaitable<Result<void>> look_for(const Guest& here, const model::RunEnd& end);
  static void note(Guest& here, const std::string& key, std::int64_t size);
  std::optional<Error> refusal(const Guest& here, const std::string& key, std::int64_t size) const;
  awaitable<std::optional<Error>> one_more(Guest& here, std::string key, std::chrono::seconds link);
  awaitable<void> remove_untold(Guest& here);
  static bool is_writable(const std::string& key, const model::Machine& machine);
  void forget_old();

  store::Store& store_;
  objects::ObjectStore& objects_;
  feed::Feed& feed_;
  Options options_;
  retry::Retry retry_;
  std::unordered_map<model::MachineId, std::shared_ptr<Guest>> guests_;
};

}  // namespace mecapy::home
