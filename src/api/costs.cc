// What runs cost, and what one would.
#include <charconv>
#include <chrono>
#include <cstdio>

#include "api/choice.h"
#include "wire/cost_json.h"

namespace mecapy::api {
namespace {

namespace chrono = std::chrono;

constexpr store::Day kLongest = 3660;  // days asked for at once
constexpr int kPage = 100;

Error wrong(std::string_view name, std::string_view what) {
  return Error{ErrorCode::invalid_fields,
               "some query parameters are wrong",
               {{"#query/" + std::string(name), std::string(what), {}, {}}}};
}

// "2026-11-26".
std::optional<store::Day> parse_day(std::string_view text) {
  int year = 0;
  unsigned month = 0, day = 0;
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto number = [](std::string_view digits, auto& value) {
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return end.ec == std::errc() && end.ptr == digits.data() + digits.size();
  };
  if (!number(text.substr(0, 4), year) || !number(text.substr(5, 2), month) ||
      !number(text.substr(8, 2), day)) {
    return std::nullopt;
  }
  const chrono::year_month_day date{chrono::year(year), chrono::month(month), chrono::day(day)};
  if (!date.ok() || year < 2000 || year > 2200) return std::nullopt;
  return chrono::sys_days(date).time_since_epoch().count();
}

chrono::year_month_day date_of(store::Day day) {
  return chrono::sys_days(chrono::days(static_cast<int>(day)));
}

std::string day_text(store::Day day) {
  const chrono::year_month_day date = date_of(day);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text;
}

Result<store::CostsBy> asked_by(const Call& call) {
  const auto by = store::parse_costs_by(call.query("by").value_or("day"));
  if (!by) return wrong("by", "must be day, user, task or backend");
  return *by;
}

Result<void> read_days(const Call& call, store::Day today, store::CostsQuery& query) {
  query.from = month_of(today);
  store::Day last = today;
  for (const auto& [name, day] : {std::pair("from", &query.from), std::pair("to", &last)}) {
    const auto text = call.query(name);
    if (!text) continue;
    const auto parsed = parse_day(*text);
    if (!parsed) return wrong(name, "must be a day like 2026-11-26, UTC");
    *day = *parsed;
  }
  if (last < query.from) return wrong("to", "must not be before `from`");
  if (last - query.from > kLongest) return wrong("from", "must be at most 3660 days before `to`");
  query.until = last + 1;
  return {};
}

Result<void> read_page(const Call& call, store::CostsQuery& query) {
  query.limit = kPage;
  if (const auto limit = call.query("limit")) {
    int n = 0;
    const auto end = std::from_chars(limit->data(), limit->data() + limit->size(), n);
    const bool whole = end.ec == std::errc() && end.ptr == limit->data() + limit->size();
    if (!whole || n < 1 || n > 200) return wrong("limit", "must be 1 to 200");
    query.limit = n;
  }
  query.after = call.query("cursor").value_or("");
  if (!query.after.empty() && (query.after[0] != '+' || query.after.size() > 512)) {
    return wrong("cursor", "is not a cursor of ours");
  }
  return {};
}

// Whose costs are told: one's own, or, to who keeps the server, those of all or of the one asked
// for.
Result<std::optional<std::string>> asked_owner(const Call& call) {
  const auto user = call.query("user");
  if (call.caller.sees_all()) return user;
  if (user && *user != call.caller.user) return fail(ErrorCode::not_found, "no such user");
  return std::optional(call.caller.user);
}

wire::Sum sum_of(const store::CostsRow& row) {
  return {row.key, row.runs, row.incomplete, row.eur};
}

}  // namespace

store::Day month_of(store::Day day) {
  return day - (static_cast<unsigned>(date_of(day).day()) - 1);
}

awaitable<Answer> Routes::costs(Api& api, Call& call) {
  const Parts& parts = Routes::parts(api);
  store::CostsQuery query;
  const auto by = asked_by(call);
  if (!by) co_return by.error();
  query.by = *by;
  if (auto days = read_days(call, store::day_of(parts.clock.now()), query); !days) {
    co_return days.error();
  }
  if (auto page = read_page(call, query); !page) co_return page.error();
  auto owner = asked_owner(call);
  if (!owner) co_return owner.error();
  query.owner = std::move(*owner);
  wire::CostsAnswer answer{store::name(*by), day_text(query.from), day_text(query.until - 1)};
  auto sums = co_await parts.store.costs(std::move(query));
  if (!sums) co_return sums.error();
  for (const store::CostsRow& row : sums->rows) answer.items.push_back(sum_of(row));
  answer.total = sum_of(sums->total);
  answer.next = std::move(sums->next);
  co_return json_response(200, wire::costs_json(answer));
}

awaitable<Result<RouteAnswer>> choose_backend(Api& api, RouteQuestion& question,
                                              const model::TaskId& task, int version) {
  constexpr int kHistory = 200;  // earlier runs, the newest
  const Parts& parts = Routes::parts(api);
  if (!question.caller_s && (parts.routes_by_time || question.wants_history)) {
    auto history = co_await parts.store.durations(task, version, kHistory);
    if (!history) co_return history.error();
    question.history = std::move(*history);
  }
  co_return parts.route(question);
}

namespace {

awaitable<Result<wire::EstimateRequest>> read_estimate(Api& api, const Call& call,
                                                       std::string_view shape) {
  co_return co_await read_body<wire::EstimateRequest>(api, call, [&api, &call, shape] {
    return wire::read_estimate(call.request().body, shape, Routes::options(api).ceilings);
  });
}

// With what the routing said.
net::Response estimate(Api& api, wire::EstimateAnswer answer, const RouteQuestion& question,
                       RouteAnswer chosen) {
  answer.costs = Routes::parts(api).costs(question.limits, chosen.estimate.seconds);
  answer.duration = std::move(chosen.estimate);
  answer.backend = std::move(chosen.backend);
  answer.why = std::move(chosen.why);
  return json_response(200, wire::estimate_answer_json(answer));
}

}  // namespace

awaitable<Answer> Routes::estimate_task(Api& api, Call& call) {
  auto id = task_id(call);
  if (!id) co_return id.error();
  auto request = co_await read_estimate(api, call, "Estimated");
  if (!request) co_return request.error();
  auto task = co_await find_task(api, call, *id, {request->version, "/version"});
  if (!task) co_return task.error();
  const model::TaskVersion& version = task->version;
  auto limits = wire::estimated_limits(*request, version.limits, options(api).ceilings);
  if (!limits) co_return limits.error();
  RouteQuestion question{
      request->estimated_duration_s, {}, task->estimated_duration_s, *limits, true};
  auto chosen = co_await choose_backend(api, question, task->id, version.number);
  if (!chosen) co_return chosen.error();
  wire::EstimateAnswer answer{task->id.str(), version.number};
  co_return estimate(api, std::move(answer), question, std::move(*chosen));
}

awaitable<Answer> Routes::estimate_ad_hoc(Api& api, Call& call) {
  auto request = co_await read_estimate(api, call, "AdHocEstimated");
  if (!request) co_return request.error();
  const model::Limits& ceilings = options(api).ceilings;
  const model::Limits usual = model::lower_to(model::Limits{}, ceilings);
  auto limits = wire::estimated_limits(*request, usual, ceilings);
  if (!limits) co_return limits.error();
  const RouteQuestion question{request->estimated_duration_s, {}, {}, *limits};
  auto chosen = parts(api).route(question);
  if (!chosen) co_return chosen.error();
  wire::EstimateAnswer answer;
  co_return estimate(api, std::move(answer), question, std::move(*chosen));
}

}  // namespace mecapy::api
