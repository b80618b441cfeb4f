// One row a route. To add a route: write a handler in the file of its subject, declare it here, add
// a row to route_table.cc.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/api.h"
#include "base/offload.h"
#include "wire/api_json.h"

namespace mecapy::api {

// One request on its way through a handler.
struct Call {
  net::Exchange& exchange;
  auth::Principal caller;                     // "" where the route needs none
  std::map<std::string, std::string> path{};  // {id} and the like; untrusted
  net::Headers headers{};                     // that go with the answer, unless it is an error
  const net::Request& request() const { return exchange.request(); }
  std::optional<std::string> query(const std::string& name) const;
};

// A response, or nothing when the handler has streamed its answer.
using Answer = Result<std::optional<net::Response>>;
using Handler = awaitable<Answer> (*)(Api&, Call&);

// A header for people: what they should know beside the answer.
inline constexpr std::string_view kWarning = "MecaPy-Warning";

enum class Access : std::uint8_t { open, token };

struct QuerySpec {
  std::string_view name;
  std::string_view type;  // OpenAPI: string, number, integer
  std::string_view meaning;
};

struct Answers {
  int status;
  std::string_view schema;  // of components/schemas; "" for other media types
  std::string_view media = "application/json";
};

struct Route {
  std::string_view method;
  std::string_view pattern;  // "/api/tasks/{id}"; a last "{name...}" takes the rest of the path
  Handler handler;
  Access access;
  std::string_view operation;  // OpenAPI operationId
  std::string_view summary;
  std::string_view body = {};  // schema of the request body
  std::vector<QuerySpec> query = {};
  std::vector<Answers> answers = {};
};

const std::vector<Route>& route_table();

// The OpenAPI 3.1 document, made from the table.
const std::string& openapi_document();
// The page of the contract: HTML that loads nothing, and leads to the documents where there are
// some.
enum class Documents : std::uint8_t { absent, there };
std::string contract_page(const model::Limits& ceilings, Documents documents);

// The handlers, by subject.
struct Routes {
  // tasks.cc
  static awaitable<Answer> create_task(Api&, Call&);
  static awaitable<Answer> list_tasks(Api&, Call&);
  static awaitable<Answer> get_task(Api&, Call&);
  static awaitable<Answer> update_task(Api&, Call&);
  static awaitable<Answer> delete_task(Api&, Call&);
  // execute.cc
  static awaitable<Answer> execute_task(Api&, Call&);
  static awaitable<Answer> execute_ad_hoc(Api&, Call&);
  // runs.cc
  static awaitable<Answer> task_status(Api&, Call&);
  static awaitable<Answer> task_results(Api&, Call&);
  static awaitable<Answer> list_runs(Api&, Call&);
  static awaitable<Answer> get_run(Api&, Call&);
  static awaitable<Answer> run_results(Api&, Call&);
  static awaitable<Answer> run_logs(Api&, Call&);
  static awaitable<Answer> run_artifact(Api&, Call&);
  static awaitable<Answer> cancel_run(Api&, Call&);
  // costs.cc
  static awaitable<Answer> costs(Api&, Call&);
  static awaitable<Answer> estimate_task(Api&, Call&);
  static awaitable<Answer> estimate_ad_hoc(Api&, Call&);
  // workflows.cc
  static awaitable<Answer> create_workflow(Api&, Call&);
  static awaitable<Answer> check_workflow(Api&, Call&);
  static awaitable<Answer> list_workflows(Api&, Call&);
  static awaitable<Answer> get_workflow(Api&, Call&);
  static awaitable<Answer> update_workflow(Api&, Call&);
  static awaitable<Answer> delete_workflow(Api&, Call&);
  // workflow_begin.cc
  static awaitable<Answer> execute_workflow(Api&, Call&);
  static awaitable<Answer> resume_workflow_run(Api&, Call&);
  // workflow_runs.cc
  static awaitable<Answer> workflow_status(Api&, Call&);
  static awaitable<Answer> workflow_results(Api&, Call&);
  static awaitable<Answer> list_workflow_runs(Api&, Call&);
  static awaitable<Answer> get_workflow_run(Api&, Call&);
  static awaitable<Answer> workflow_run_results(Api&, Call&);
  static awaitable<Answer> node_runs(Api&, Call&);
  static awaitable<Answer> cancel_workflow_run(Api&, Call&);
  // workflow_events.cc
  static awaitable<Answer> workflow_run_events(Api&, Call&);
  // machines.cc
  static awaitable<Answer> list_machines(Api&, Call&);
  static awaitable<Answer> list_leftovers(Api&, Call&);
  static awaitable<Answer> forget_placer(Api&, Call&);
  // events.cc
  static awaitable<Answer> run_events(Api&, Call&);
  // about.cc
  static awaitable<Answer> home(Api&, Call&);
  static awaitable<Answer> me(Api&, Call&);
  static awaitable<Answer> protected_resource(Api&, Call&);
  static awaitable<Answer> openapi(Api&, Call&);
  static awaitable<Answer> live(Api&, Call&);
  static awaitable<Answer> ready(Api&, Call&);

  // docs.cc
  static awaitable<Answer> docs(Api&, Call&);
  static awaitable<Answer> docs_start(Api&, Call&);
  static awaitable<Answer> docs_file(Api&, Call&);
  static awaitable<Answer> contract(Api&, Call&);

  // Shared by the handlers.
  static Parts& parts(Api& api) { return api.parts_; }
  static const Options& options(const Api& api) { return api.options_; }
  static bool draining(const Api& api) { return api.draining_; }
  static std::int64_t& large_pieces(Api& api) { return api.large_pieces_; }
  static Api::GoodCodes& good_codes(Api& api) { return api.good_codes_; }
  static Api::Definitions& definitions(Api& api) { return api.definitions_; }
  static Readiness& readiness(Api& api) { return api.readiness_; }
  static std::size_t& event_streams(Api& api) { return api.event_streams_; }
};

// ---- request.cc: what several handlers read from a request
Result<model::TaskId> task_id(const Call& call);  // not_found when it is no id
Result<model::RunId> run_id(const Call& call);
struct WantedVersion {
  std::optional<int> number;  // nothing: the latest
  std::string_view pointer;   // where the request names it
};
// The caller's task; not_found, and when only the version is not there, says which is the latest.
awaitable<Result<model::Task>> find_task(Api& api, const Call& call, model::TaskId id,
                                         WantedVersion version);
// What a look finds; busy or unavailable when no worker can look within `patience`. What is known
// of good code is remembered for a while.
awaitable<Result<model::Look>> look_at(Api& api, const std::string& code,
                                       std::chrono::milliseconds patience);
// Nothing when the code can be a calculation, invalid_code when it cannot; else as look_at.
awaitable<Result<void>> check_code(Api& api, const std::string& code,
                                   std::chrono::milliseconds patience);
Result<std::optional<int>> wanted_version(const Call& call);  // ?version=N, nothing when absent
Result<store::PageRequest> page_request(const Call& call);
Result<int> page_limit(const Call& call);  // ?limit=N, that of a page when absent
Result<std::chrono::milliseconds> wait_time(const Call& call);  // ?wait=SECONDS, 0 when absent
// ?link=SECONDS, nothing when absent
Result<std::optional<std::chrono::seconds>> link_life(const Call& call);
// With a SHA-256 of the whole request: see read_post.
Result<std::optional<store::Idempotency>> idempotency(const Call& call);
net::Response json_response(int status, std::string body);
net::Response no_content();

// ---- runs.cc
// Asks for the end of a run, wherever it is, as store::Store::request_cancel.
awaitable<Result<model::Run>> stop_run(Api& api, const std::string& user, model::RunId id);

// ---- costs.cc
// The first day of the month that `day` is in.
store::Day month_of(store::Day day);

// ---- send.cc: answers that may be large
// What one of them holds in memory, bytes: 256 MiB for 4096 connections that all read slowly.
inline constexpr std::int64_t kPiece = 64 * 1024;
// What one holds whose client takes pieces at once, and by how much all of those together may hold
// more than a piece: each piece is a call to the object store.
inline constexpr std::int64_t kLargePiece = 1024 * 1024;
inline constexpr std::int64_t kLargePieces = 16 * 1024 * 1024;
// The object `key` between the two ends of `around`, with the status and headers of `head`. Bytes
// that have not the hash they were written with (`sha256`, or what the store keeps) are a storage
// error, or, when some were sent, an answer that breaks off before its declared length.
awaitable<Answer> send_object(Api& api, Call& call, net::Response head, std::string key,
                              wire::Around around, std::string sha256 = "");
// The run, and when it is completed its result within it.
awaitable<Answer> send_run(Api& api, Call& call, const model::Run& run);
// The log of a run that has ended.
awaitable<Answer> send_log(Api& api, Call& call, const model::Run& run);

// What `read`, a Result<T>(), makes of the request's body.
template <class T, class Read>
awaitable<Result<T>> read_body(Api& api, const Call& call, Read read) {
  co_return co_await base::beside_loop<T>(Routes::parts(api).threads, call.request().body.size(),
                                          std::move(read));
}

// A body with the Idempotency-Key it came with.
template <class T>
struct Posted {
  T body;
  std::optional<store::Idempotency> key;
};

// `read` is a Result<T>(std::string_view body).
template <class T, class Read>
awaitable<Result<Posted<T>>> read_post(Api& api, const Call& call, Read read) {
  return read_body<Posted<T>>(api, call, [&call, read = std::move(read)]() -> Result<Posted<T>> {
    auto key = idempotency(call);
    if (!key) return key.error();
    auto body = read(call.request().body);
    if (!body) return body.error();
    return Posted<T>{std::move(*body), std::move(*key)};
  });
}

}  // namespace mecapy::api
