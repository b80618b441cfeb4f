// How people name a run, a task or a workflow: by its id, by a beginning of it, a task or workflow
// by its name, a run as "last".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/api.h"

namespace mecapy::client {

// Whether `word` can be the beginning of an id: 4 to 36 of its characters.
bool is_id_beginning(std::string_view word);

// Looks for what `word` names among those that are shown to it.
class Search {
 public:
  // `kind` is "run", "task", "workflow" or "workflow run", for words, and tells whether there are
  // names; `command` is what goes before an id, to name one.
  Search(std::string kind, std::string word, std::string command = {})
      : kind_(std::move(kind)), word_(std::move(word)), command_(std::move(command)) {}
  // One candidate; `name` is "" where there is none.
  void look_at(const std::string& id, const std::string& name);
  // Whether more candidates, which are older than `oldest` (ids sort by time), can be meant.
  bool may_be_older_than(const std::string& oldest) const;
  // The id: of the one with that name, else of the one whose id begins so. not_found, with the
  // nearest name; usage when several are meant: the message has their ages at `now` (seconds since
  // 1970), and of tasks as much of their ids as tells them apart.
  Result<std::string> found(double now) const;

 private:
  bool has_names() const { return kind_ == "task" || kind_ == "workflow"; }
  std::string shown(const std::string& id) const;

  std::string kind_;
  std::string word_;
  std::string command_;
  std::vector<std::string> named_;      // ids
  std::vector<std::string> beginning_;  // ids
  std::vector<std::string> seen_;       // ids
  std::vector<std::string> names_;      // of all
};

// The id of what of the caller's `word` names. A whole id is not looked for. `command` is
// that of who asks, up to the name ("mecapy task run"), for the message when several have it.
awaitable<Result<std::string>> find_run(Api& api, std::string word);
awaitable<Result<std::string>> find_task(Api& api, std::string word, std::string command);
awaitable<Result<std::string>> find_workflow(Api& api, std::string word, std::string command);
awaitable<Result<std::string>> find_workflow_run(Api& api, std::string word);

// The error of a call for `version` of the workflow with that id: where the workflow is there, that
// it has no such version, and which is the latest.
awaitable<Error> about_version(Api& api, std::string workflow, int version, Error error);

// Whether the caller has a task with this name.
awaitable<Result<bool>> has_task_named(Api& api, std::string name);

}  // namespace mecapy::client
