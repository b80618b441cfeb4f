#include "api/result_cache.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "base/sha256.h"
#include "wire/canonical_hash.h"
#include "wire/run_record.h"

namespace mecapy::api {
namespace {

// "2": runs of before the order of members counted are found by none of these.
std::string cache_key(const std::string& code, const std::string& inputs) {
  return base::sha256_hex("2" + base::sha256_hex(code) +
                          wire::canonical_hash(inputs, wire::MemberOrder::counts_below));
}

// What says that nothing kept is wanted (RFC 9111, 5.2.1 and 5.4).
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kFresh = {{
    {"cache-control", "no-cache"},
    {"cache-control", "no-store"},
    {"cache-control", "max-age=0"},
    {"pragma", "no-cache"},
}};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// Whether `directive` is one of those of the list, which are separated by commas.
bool has_directive(std::string_view list, std::string_view directive) {
  while (!list.empty()) {
    std::string_view one = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), one.size() + 1));
    const std::size_t begin = one.find_first_not_of(" \t");
    if (begin == std::string_view::npos) continue;
    one = one.substr(begin, one.find_last_not_of(" \t") - begin + 1);
    if (one == directive) return true;
  }
  return false;
}

// Of what is kept, each claim is checked: who can write there is not thereby shown others' objects.
std::optional<model::Run> read_kept(std::string_view text) {
  auto run = wire::read_run_record(text);
  if (!run) return std::nullopt;
  const bool own = run->cached_from.empty()
                       ? model::names_own_objects(run->end, run->id, run->attempt)
                       : model::names_own_objects(run->end, run->cached_from, std::nullopt);
  return own ? std::move(run) : std::nullopt;
}

// The end of `origin` becomes that of `run`.
void take_end(model::Run& run, model::Run origin) {
  run.cached_from = origin.id;
  run.end = std::move(origin.end);
  run.end.usage = {};  // it used nothing
  run.cost.reset();
}

// The database alone knows which run is the newest, and has the answer written anyway.
awaitable<Result<std::optional<model::Run>>> find_origin(store::Store& store, std::string user,
                                                         Reuse reuse, store::CacheQuery query) {
  if (reuse.own) {
    store::CacheQuery own = query;
    own.of = std::move(reuse.own);
    auto found = co_await store.cached_run(user, std::move(own));
    if (!found || *found || reuse.own_only) co_return found;
  }
  co_return co_await store.cached_run(std::move(user), std::move(query));
}

std::string place_of(const model::RunId& id) { return "run:" + id.str(); }

// Of a run that another one answered, only which: what it shows is kept there, once for all such.
std::string record_of(model::Run run) {
  if (!run.cached_from.empty()) {
    run.end.result = {"null", ""};
    run.end.log = {};
    run.end.artifacts.clear();
  }
  return wire::run_record(run);
}

awaitable<std::optional<model::Run>> kept_run(Api& api, const model::RunId& id) {
  const auto kept = co_await Routes::parts(api).cache.get(place_of(id));
  auto run = kept ? read_kept(*kept) : std::nullopt;
  if (run && run->id != id) run.reset();
  co_return run;
}

// Keeps it when it has ended.
awaitable<Result<model::Run>> stored_run(Api& api, const std::string& user,
                                         const model::RunId& id) {
  Parts& parts = Routes::parts(api);
  auto run = co_await parts.store.get_run(user, id);
  const std::chrono::milliseconds life = Routes::options(api).keep_ended;
  // While its machine is there its cost is not what it will be.
  const bool open = run && run->backend == model::kDedicated && run->cost && !run->cost->complete;
  if (run && model::is_end(run->status) && life.count() > 0 && !open) {
    parts.cache.put(place_of(id), record_of(*run), life);
  }
  co_return run;
}

// The whole of a run as record_of() left it.
awaitable<Result<model::Run>> with_end(Api& api, model::Run run) {
  auto origin = co_await kept_run(api, run.cached_from);
  const bool good = origin && origin->user == run.user && origin->cached_from.empty();
  if (!good) {
    auto stored = co_await stored_run(api, run.user, run.cached_from);
    if (!stored) co_return co_await Routes::parts(api).store.get_run(run.user, run.id);
    origin = std::move(*stored);
  }
  take_end(run, std::move(*origin));
  co_return run;
}

}  // namespace

awaitable<Result<model::Run>> read_run(Api& api, const Call& call, model::RunId id) {
  const std::string& user = call.caller.user;
  auto kept = co_await kept_run(api, id);
  Routes::parts(api).hooks.looked_up(kRunCache, kept ? LookUp::hit : LookUp::miss);
  if (!kept) co_return co_await stored_run(api, user, id);
  if (kept->user != user) co_return fail(ErrorCode::not_found, "no such run");
  if (kept->cached_from.empty()) co_return std::move(*kept);
  co_return co_await with_end(api, std::move(*kept));
}

bool wants_fresh(const net::Request& request) {
  return std::ranges::any_of(request.headers, [](const auto& header) {
    return std::ranges::any_of(kFresh, [&](const auto& fresh) {
      return lower(header.first) == fresh.first &&
             has_directive(lower(header.second), fresh.second);
    });
  });
}

awaitable<Result<void>> answer_from_cache(Api& api, Reuse reuse, const std::string& code,
                                          const std::string& inputs, model::Run& run) {
  Parts& parts = Routes::parts(api);
  auto key = co_await base::beside_loop<std::string>(
      parts.threads, code.size() + inputs.size(),
      [&]() -> Result<std::string> { return cache_key(code, inputs); });
  if (!key) co_return key.error();
  run.cache_key = std::move(*key);
  store::CacheQuery query;
  query.cache_key = run.cache_key;
  query.environment = parts.environment();
  query.age = std::chrono::microseconds(std::llround(reuse.ttl_s * 1e6));
  if (query.environment.empty() || reuse.fresh) co_return Result<void>{};
  auto origin = co_await find_origin(parts.store, run.user, reuse, std::move(query));
  if (!origin) co_return origin.error();
  parts.hooks.looked_up(kResultCache, *origin ? LookUp::hit : LookUp::miss);
  if (*origin) take_end(run, std::move(**origin));
  co_return Result<void>{};
}

}  // namespace mecapy::api
