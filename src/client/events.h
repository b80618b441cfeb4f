// What happens to a run, as it happens: the API's server-sent events, gone on with where they were
// when the connection breaks.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "client/api.h"
#include "client/event_reader.h"
#include "net/line_stream.h"

namespace mecapy::client {

// The events of one run, or of one run of a workflow, in order, each once.
class Watch {
 public:
  // `path` is where they are: "/api/runs/ID/events".
  Watch(Api& api, std::string path) : api_(api), path_(std::move(path)) {}
  // The next event; nothing when the run's end was told. not_found and the like of Api::open;
  // unavailable when the server cannot be reached for longer than the Api has patience, or tells
  // nothing again and again; too_large.
  awaitable<Result<std::optional<Event>>> next();

 private:
  awaitable<Result<void>> connect();

  Api& api_;
  std::string path_;
  std::string last_id_;
  std::unique_ptr<net::LineStream> lines_;
  base::Deadline heard_{};  // an event or a comment, last; what is neither does not count
  EventReader reader_;
  bool ended_ = false;
  int broken_ = 0;  // connections in a row that told nothing
};

}  // namespace mecapy::client
