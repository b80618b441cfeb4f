// Machines made for runs, for who keeps the server.
#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/routes.h"
#include "base/sha256.h"
#include "wire/machine_json.h"

namespace mecapy::api {
namespace {

std::optional<Error> refusal(const Call& call) {
  if (call.caller.sees_all()) return std::nullopt;
  return fail(ErrorCode::not_found, "machines are shown to admins, and to the user local");
}

// Says where a page begins as the others do: a UUID.
std::string cursor_of(const store::Leftover& part) {
  const std::string hash =
      base::sha256_hex(part.placer + '\0' + part.kind + '\0' + part.zone + '\0' + part.id);
  return hash.substr(0, 8) + "-" + hash.substr(8, 4) + "-" + hash.substr(12, 4) + "-" +
         hash.substr(16, 4) + "-" + hash.substr(20, 12);
}

}  // namespace

awaitable<Answer> Routes::list_machines(Api& api, Call& call) {
  if (auto refused = refusal(call)) co_return *refused;
  auto request = page_request(call);
  if (!request) co_return request.error();
  auto page = co_await parts(api).store.machines().page(std::move(*request));
  if (!page) co_return page.error();
  std::vector<std::string> items;
  for (const model::Machine& machine : page->items) {
    items.push_back(wire::machine_json(machine, page->now, parts(api).hour_eur(machine)));
  }
  co_return json_response(200, wire::page_json(items, page->next));
}

// There are few: the reaper bounds those of a placer.
awaitable<Answer> Routes::list_leftovers(Api& api, Call& call) {
  if (auto refused = refusal(call)) co_return *refused;
  auto request = page_request(call);
  if (!request) co_return request.error();
  auto left = co_await parts(api).store.machines().leftovers();
  if (!left) co_return left.error();
  auto reapings = co_await parts(api).store.machines().reapings();
  if (!reapings) co_return reapings.error();
  std::set<std::string> retired;
  for (const store::Reaping& one : *reapings) {
    if (parts(api).retired(one.placer, one.begun_at)) retired.insert(one.placer);
  }
  std::vector<std::pair<std::string, store::Leftover>> sorted;
  for (store::Leftover& part : *left) {
    std::string cursor = cursor_of(part);
    if (cursor > request->after) sorted.emplace_back(std::move(cursor), std::move(part));
  }
  std::ranges::sort(sorted, {}, [](const auto& one) { return one.first; });
  const auto limit = static_cast<std::size_t>(request->limit);
  std::string next;
  if (sorted.size() > limit) {
    sorted.resize(limit);
    next = sorted.back().first;
  }
  std::vector<std::string> items;
  for (auto& [cursor, part] : sorted) {
    const bool nobodys = retired.contains(part.placer);
    items.push_back(wire::leftover_json({part.placer, part.kind, part.zone, part.id, part.machine,
                                         part.said, part.since, nobodys}));
  }
  co_return json_response(200, wire::page_json(items, next));
}

awaitable<Answer> Routes::forget_placer(Api& api, Call& call) {
  if (auto refused = refusal(call)) co_return *refused;
  std::string placer = call.query("placer").value_or("");
  const auto& used = parts(api).placers;
  if (std::ranges::find(used, placer) != used.end()) {
    co_return fail(ErrorCode::conflict,
                   "machines.placers of this server names it: what is known of "
                   "it would be back soon");
  }
  auto forgotten = co_await parts(api).store.machines().forget_placer(std::move(placer));
  if (!forgotten) co_return forgotten.error();
  if (!*forgotten) co_return fail(ErrorCode::not_found, "nothing is known of such a placer");
  net::Response response;
  response.status = 204;
  co_return response;
}

}  // namespace mecapy::api
