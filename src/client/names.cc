#include "client/names.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "base/age.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/nearest.h"
#include "client/pages.h"

namespace mecapy::client {
namespace {

constexpr std::size_t kShortest = 4;
constexpr std::size_t kMostPages = 100;
constexpr std::size_t kMostNamed = 5;  // in a message

awaitable<Result<std::string>> search(Api& api, std::string path, Search search) {
  std::string cursor;
  for (std::size_t i = 0; i < kMostPages; ++i) {
    const auto page = co_await get_page(api, path, {}, kLargestPage, cursor);
    if (!page) co_return page.error();
    std::string oldest;
    for (const std::string& item : page->items) {
      oldest = text_member(item, "id");
      search.look_at(oldest, text_member(item, "name"));
    }
    if (page->next.empty() || !search.may_be_older_than(oldest)) break;
    cursor = page->next;
  }
  co_return search.found(base::seconds(api.clock().now()));
}

// When the UUIDv7 `id` was made: its first 48 bits are milliseconds since 1970 (RFC 9562, 5.7).
double made_at(const std::string& id) {
  const std::string digits = id.substr(0, 8) + id.substr(9, 4);
  std::uint64_t ms = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), ms, 16);
  return static_cast<double>(ms) / 1e3;
}

}  // namespace

bool is_id_beginning(std::string_view word) {
  if (word.size() < kShortest || word.size() > 36) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = word[i];
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !digit) return false;
  }
  return true;
}

void Search::look_at(const std::string& id, const std::string& name) {
  if (!base::is_uuid(id)) return;
  if (!name.empty()) names_.push_back(name);
  seen_.push_back(id);
  if (!name.empty() && name == word_) named_.push_back(id);
  if (is_id_beginning(word_) && id.starts_with(word_)) beginning_.push_back(id);
}

bool Search::may_be_older_than(const std::string& oldest) const {
  if (has_names()) return true;  // any may have the name
  return beginning_.size() < 2 && oldest >= word_;
}

// Of what has names as much of its id as no other has; of runs not all are seen.
std::string Search::shown(const std::string& id) const {
  if (!has_names()) return id;
  for (std::size_t length = 8; length < id.size(); ++length) {
    const std::string_view beginning = std::string_view(id).substr(0, length);
    const auto same = [&](const std::string& other) { return other.starts_with(beginning); };
    if (std::ranges::count_if(seen_, same) == 1) return std::string(beginning);
  }
  return id;
}

Result<std::string> Search::found(double now) const {
  const std::vector<std::string>& meant = named_.empty() ? beginning_ : named_;
  if (meant.size() == 1) return meant.front();
  if (meant.empty()) {
    const std::string near = base::nearest(word_, {names_.begin(), names_.end()});
    return fail(ErrorCode::not_found, "you have no " + kind_ + " \"" + word_ + "\"" +
                                          (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }
  std::string ids;
  for (std::size_t i = 0; i < std::min(meant.size(), kMostNamed); ++i) {
    ids += (i == 0 ? " " : ", ") + shown(meant[i]) + " (" + base::age(made_at(meant[i]), now) + ")";
  }
  const std::string give =
      command_.empty() ? "name one by its id" : "give an id: " + command_ + " " + shown(meant[0]);
  return fail(ErrorCode::usage, "\"" + word_ + "\" names several of your " + kind_ + "s:" + ids +
                                    (meant.size() > kMostNamed ? " and more" : "") + "; " +
                                    (named_.empty() ? "give more of the id" : give));
}

namespace {

// The run, of those in the list at `path`, that `word` names. `last`: among which the last is.
awaitable<Result<std::string>> find_in(Api& api, std::string path, Query last, std::string kind,
                                       std::string word) {
  if (base::is_uuid(word)) co_return word;
  if (word == "last") {
    const auto latest = co_await list(api, path, std::move(last), 1);
    if (!latest) co_return latest.error();
    if (latest->empty()) co_return fail(ErrorCode::not_found, "you have no " + kind + " yet");
    std::string id = text_member(latest->front(), "id");
    if (!base::is_uuid(id)) co_return fail(ErrorCode::unavailable, "the server's list has no id");
    co_return id;
  }
  if (!is_id_beginning(word)) {
    co_return fail(ErrorCode::not_found, "\"" + word + "\" names no " + kind +
                                             ": give its id, a unique beginning of it, or last");
  }
  co_return co_await search(api, path, Search(kind, word));
}

}  // namespace

awaitable<Result<std::string>> find_run(Api& api, std::string word) {
  co_return co_await find_in(api, "/api/runs", {{"workflow_run_id", "none"}}, "run",
                             std::move(word));
}

awaitable<Result<std::string>> find_workflow_run(Api& api, std::string word) {
  co_return co_await find_in(api, "/api/workflow-runs", {}, "workflow run", std::move(word));
}

awaitable<Result<bool>> has_task_named(Api& api, std::string name) {
  const auto items = co_await list(api, "/api/tasks", {}, 0);
  if (!items) co_return items.error();
  co_return std::ranges::any_of(
      *items, [&](const std::string& item) { return text_member(item, "name") == name; });
}

awaitable<Result<std::string>> find_task(Api& api, std::string word, std::string command) {
  if (base::is_uuid(word)) co_return word;
  co_return co_await search(api, "/api/tasks", Search("task", word, std::move(command)));
}

awaitable<Result<std::string>> find_workflow(Api& api, std::string word, std::string command) {
  if (base::is_uuid(word)) co_return word;
  co_return co_await search(api, "/api/workflows", Search("workflow", word, std::move(command)));
}

awaitable<Error> about_version(Api& api, std::string workflow, int version, Error error) {
  if (error.code != ErrorCode::not_found) co_return error;
  Call call;
  call.path = workflow_path(workflow);
  const auto json = co_await api.text(std::move(call));
  const int latest = json ? integer_member(*json, "version") : 0;
  if (latest == 0 || version <= latest) co_return error;
  co_return fail(ErrorCode::not_found, "workflow " + text_member(*json, "name") +
                                           " has no version " + std::to_string(version) +
                                           ": its latest is " + std::to_string(latest));
}

}  // namespace mecapy::client
