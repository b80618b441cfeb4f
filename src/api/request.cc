#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "api/routes.h"
#include "base/sha256.h"

namespace mecapy::api {
namespace {

Error wrong_query(const std::string& name, std::string detail) {
  return Error{ErrorCode::invalid_fields,
               "some query parameters are wrong",
               {{"#query/" + name, std::move(detail), {}, {}}}};
}

template <class Number>
std::optional<Number> parse_number(const std::string& text) {
  Number value{};
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

// Bytes of names that are kept of one code: of a thousand, some 16 MiB.
constexpr std::size_t kKeptFacts = 16 * 1024;

std::size_t size_of(const model::CodeFacts& facts) {
  std::size_t size = 0;
  if (facts.inputs) {
    for (const model::InputFact& input : *facts.inputs) size += sizeof(input) + input.name.size();
  }
  if (facts.results) {
    for (const std::string& name : *facts.results) size += sizeof(name) + name.size();
  }
  return size;
}

}  // namespace

std::optional<std::string> Call::query(const std::string& name) const {
  const auto it = request().query.find(name);
  if (it == request().query.end()) return std::nullopt;
  return it->second;
}

Result<model::TaskId> task_id(const Call& call) {
  const auto id = model::TaskId::parse(call.path.at("id"));
  if (!id) return fail(ErrorCode::not_found, "no such task");
  return *id;
}

awaitable<Result<model::Task>> find_task(Api& api, const Call& call, model::TaskId id,
                                         WantedVersion version) {
  store::Store& store = Routes::parts(api).store;
  auto latest = co_await store.get_task(call.caller.user, id, std::nullopt);
  if (!latest || !version.number || latest->version.number == *version.number) co_return latest;
  auto task = co_await store.get_task(call.caller.user, id, version.number);
  if (task || task.error().code != ErrorCode::not_found) co_return task;
  const std::string newest = std::to_string(latest->version.number);
  co_return Error{
      ErrorCode::not_found,
      "this task has no version " + std::to_string(*version.number) + "; its latest is " + newest,
      {{std::string(version.pointer), "its latest is " + newest, {}, {}}}};
}

awaitable<Result<model::Look>> look_at(Api& api, const std::string& code,
                                       std::chrono::milliseconds patience) {
  // Hashing more than this would hold up the event loop.
  const std::string hash = code.size() <= base::kLarge ? base::sha256_hex(code) : "";
  const model::CodeFacts* known = hash.empty() ? nullptr : Routes::good_codes(api).find(hash);
  Routes::parts(api).hooks.looked_up(kCodeCache, known != nullptr ? LookUp::hit : LookUp::miss);
  if (known != nullptr) co_return model::Look{.facts = *known};
  auto look = co_await Routes::parts(api).check(code, base::after(patience));
  if (!look) co_return look.error();
  const bool keep = !look->failure && !hash.empty() && size_of(look->facts) <= kKeptFacts;
  if (keep) Routes::good_codes(api).put(hash, look->facts);
  co_return look;
}

awaitable<Result<void>> check_code(Api& api, const std::string& code,
                                   std::chrono::milliseconds patience) {
  const auto look = co_await look_at(api, code, patience);
  if (!look) co_return look.error();
  if (!look->failure) co_return Result<void>{};
  const model::Failure& failure = *look->failure;
  co_return Error{ErrorCode::invalid_code,
                  "the code is not a calculation: " + failure.message,
                  {{"/code", failure.message, failure.line, failure.column}}};
}

Result<model::RunId> run_id(const Call& call) {
  const auto id = model::RunId::parse(call.path.at("id"));
  if (!id) return fail(ErrorCode::not_found, "no such run");
  return *id;
}

Result<std::optional<int>> wanted_version(const Call& call) {
  const auto text = call.query("version");
  if (!text) return std::optional<int>();
  const auto number = parse_number<int>(*text);
  if (!number || *number < 0) return wrong_query("version", "must be a whole number");
  return number;
}

Result<int> page_limit(const Call& call) {
  const auto limit = call.query("limit");
  if (!limit) return store::PageRequest().limit;
  const auto n = parse_number<int>(*limit);
  if (!n || *n < 1 || *n > 200) return wrong_query("limit", "must be 1 to 200");
  return *n;
}

Result<store::PageRequest> page_request(const Call& call) {
  store::PageRequest page;
  const auto limit = page_limit(call);
  if (!limit) return limit.error();
  page.limit = *limit;
  if (const auto cursor = call.query("cursor")) {
    if (!base::is_uuid(*cursor)) return wrong_query("cursor", "is not a cursor of ours");
    page.after = *cursor;
  }
  return page;
}

Result<std::chrono::milliseconds> wait_time(const Call& call) {
  const auto text = call.query("wait");
  if (!text) return std::chrono::milliseconds(0);
  const auto seconds = parse_number<double>(*text);
  if (!seconds || !(*seconds >= 0 && *seconds <= 600)) {
    return wrong_query("wait", "must be a number of seconds, 0 to 600");
  }
  return std::chrono::milliseconds(std::llround(*seconds * 1000));
}

Result<std::optional<std::chrono::seconds>> link_life(const Call& call) {
  const auto text = call.query("link");
  if (!text) return std::optional<std::chrono::seconds>();
  const auto seconds = parse_number<int>(*text);
  if (!seconds || *seconds < 1 || *seconds > 604'800) {
    return wrong_query("link", "must be a whole number of seconds, 1 to 604800");
  }
  return std::optional(std::chrono::seconds(*seconds));
}

Result<std::optional<store::Idempotency>> idempotency(const Call& call) {
  const auto key = call.request().header("idempotency-key");
  if (!key) return std::optional<store::Idempotency>();
  const bool printable = std::ranges::all_of(*key, [](char c) { return c >= ' ' && c <= '~'; });
  if (key->empty() || key->size() > 200 || !printable) {
    return Error{
        ErrorCode::invalid_fields,
        "a header is wrong",
        {{"#header/Idempotency-Key", "must be 1 to 200 printable ASCII characters", {}, {}}}};
  }
  const net::Request& r = call.request();
  return std::optional(store::Idempotency{
      std::string(*key), base::sha256_hex(r.method + " " + r.path + "\n" + r.body)});
}

net::Response no_content() {
  net::Response response;
  response.status = 204;
  response.content_type.clear();
  return response;
}

net::Response json_response(int status, std::string body) {
  net::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

}  // namespace mecapy::api
