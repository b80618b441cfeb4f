// The objects of a machine: piece by piece through home, or by links that home makes.
#include <algorithm>
#include <charconv>
#include <utility>

#include "base/log.h"
#include "home/guest.h"
#include "wire/json.h"

namespace mecapy::home {

namespace {

constexpr std::chrono::seconds kLinkLife{300};  // for the call to begin
constexpr std::int64_t kCheckpointBurst = 10;   // of an attempt at once; then two in a second
constexpr std::size_t kMostUntold = 4;          // checkpoints that were begun and not told of
constexpr std::size_t kMostObjects = 4096;      // of an attempt, beside checkpoints

bool is_checkpoint(std::string_view key) { return key.starts_with("checkpoints/"); }

net::Response told(std::int64_t have, bool done) {
  return json(std::move(wire::ObjectWriter().integer("have", have).boolean("done", done)).finish());
}

bool is_sha256(std::string_view hex) {
  return hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string grant_json(const objects::Grant& grant) {
  wire::ObjectWriter headers;
  for (const auto& [name, value] : grant.headers) headers.text(name, value);
  return std::move(wire::ObjectWriter()
                       .boolean("done", false)
                       .text("url", grant.url)
                       .raw("headers", std::move(headers).finish()))
      .finish();
}

}  // namespace

net::Response json(std::string body) {
  net::Response response;
  response.body = std::move(body);
  return response;
}

std::optional<std::int64_t> number(const net::Request& request, const std::string& name) {
  const auto it = request.query.find(name);
  if (it == request.query.end()) return std::nullopt;
  std::int64_t value = 0;
  const char* end = it->second.data() + it->second.size();
  const auto [at, ec] = std::from_chars(it->second.data(), end, value);
  if (ec != std::errc() || at != end || value < 0) return std::nullopt;
  return value;
}

std::string text(const net::Request& request, const std::string& name) {
  const auto it = request.query.find(name);
  return it == request.query.end() ? "" : it->second;
}

Error wrong_query(const char* name) {
  return fail_at("#query/" + std::string(name), ErrorCode::invalid_fields,
                 std::string(name) + " is missing, or is not what it must be");
}

// Why the machine may not write an object of that size; nothing when it may.
std::optional<Error> Home::refusal(const Guest& here, const std::string& key,
                                   std::int64_t size) const {
  const auto sum = [&key](const std::map<std::string, std::int64_t>& sizes) {
    std::int64_t bytes = 0;
    for (const auto& [other, one] : sizes) {
      if (other != key && !is_checkpoint(other)) bytes += one;
    }
    return bytes;
  };
  const bool large = is_checkpoint(key)
                         ? size > options_.most_checkpoint
                         : size + std::max(sum(here.granted), sum(here.kept)) > options_.most_bytes;
  if (large || std::max(here.granted.size(), here.kept.size()) >= kMostObjects) {
    return fail(ErrorCode::too_large, "a run may not leave so much");
  }
  return std::nullopt;
}

// Counts the begin of one more checkpoint, which a link may write for so long; the oldest of many
// that were never told of makes room. Why it may not begin now; nothing when it may.
awaitable<std::optional<Error>> Home::one_more(Guest& here, std::string key,
                                               std::chrono::seconds link) {
  if (!is_checkpoint(key)) co_return std::nullopt;
  const auto now = std::chrono::steady_clock::now();
  const Error many = fail(ErrorCode::busy, "so many checkpoints are not taken at once");
  const std::int64_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(now - here.begun).count();
  if (here.checkpoints >= kCheckpointBurst + 2 * seconds) co_return many;
  if (key == here.checkpoint) co_return std::nullopt;
  const auto same = std::ranges::find(here.untold, key, &Guest::Untold::key);
  if (same != here.untold.end()) {
    same->written = std::max(same->written, now + link);
    ++here.checkpoints;
    co_return std::nullopt;
  }
  std::string oldest;
  if (here.untold.size() >= kMostUntold) {
    if (here.untold.front().written > now) co_return many;
    oldest = std::move(here.untold.front().key);
    here.untold.pop_front();
  }
  ++here.checkpoints;
  here.untold.push_back({std::move(key), now + link});
  if (!oldest.empty()) co_await remove(std::move(oldest));
  if (here.over) co_return lost();
  co_return std::nullopt;
}

// When the attempt has ended.
awaitable<void> Home::remove_untold(Guest& here) {
  for (const auto& one : std::exchange(here.untold, {})) co_await remove(one.key);
}

// Before it writes: the link to write by, or nothing, when the bytes are to come through home.
// Afterwards: whether the object is what it said.
awaitable<Home::Answer> Home::give_link(const net::Request& request, const model::Machine& machine,
                                        std::string key) {
  const auto size = number(request, "size");
  if (!size) co_return wrong_query("size");
  const std::string sha256 = text(request, "sha256");
  if (!is_sha256(sha256)) co_return wrong_query("sha256");
  if (!is_writable(key, machine)) co_return fail(ErrorCode::not_found, "no object of this run");
  const std::shared_ptr<Guest> guest_of = guest(machine);
  Guest& here = *guest_of;
  auto there = co_await objects_.stat(key, base::after(kObjects));
  if (here.over) co_return lost();
  if (there) {
    const bool same = there->size == *size && (there->sha256.empty() || there->sha256 == sha256);
    if (!same) co_return fail(ErrorCode::conflict, "another object has this key");
    note(here, key, *size);
    co_return told(*size, true);
  }
  if (there.error().code != ErrorCode::not_found) co_return there.error();
  const bool small = *size < options_.link_from;
  const auto grant = small ? std::nullopt : objects_.grant_put(key, {*size, sha256}, kLinkLife);
  if (!grant) co_return told(0, false);
  if (auto refused = refusal(here, key, *size)) co_return std::move(*refused);
  if (auto refused = co_await one_more(here, key, kLinkLife)) co_return std::move(*refused);
  if (!is_checkpoint(key)) here.granted[key] = *size;
  co_return json(grant_json(*grant));
}

// Whether all that an end names is there as it says; what came through this process is known to be.
awaitable<Result<void>> Home::look_for(const Guest& here, const model::RunEnd& end) {
  std::vector<std::pair<std::string, std::optional<std::int64_t>>> named;
  if (end.result.stored()) named.emplace_back(end.result.key, std::nullopt);
  if (end.log.stored()) named.emplace_back(end.log.key, std::nullopt);
  for (const model::Artifact& one : end.artifacts) named.emplace_back(one.key, one.size);
  const std::map<std::string, std::int64_t> known = here.kept;
  for (const auto& [key, size] : named) {
    const auto kept = known.find(key);
    if (kept != known.end() && (!size || *size == kept->second)) continue;
    auto there = co_await objects_.stat(key, base::after(kObjects));
    const bool none = !there && there.error().code == ErrorCode::not_found;
    if (!there && !none) co_return there.error();
    const bool whole =
        there && there->size <= options_.most_bytes && (!size || *size == there->size);
    if (!whole) {
      co_return fail(ErrorCode::invalid_request, "the end names what is not there, or is not so");
    }
  }
  co_return Result<void>{};
}

void Home::note(Guest& here, const std::string& key, std::int64_t size) {
  // Of checkpoints, which come and go, an end names none.
  if (!is_checkpoint(key)) here.kept[key] = size;
}

bool Home::is_writable(const std::string& key, const model::Machine& machine) {
  return machine.state == model::MachineState::working &&
         model::is_object_of(key, machine.run_id, machine.attempt);
}

awaitable<Home::Answer> Home::give_object(net::Exchange& exchange, const model::Machine& machine,
                                          std::string key) {
  const bool own = key == "inputs/" + machine.run_id.str() + ".json" ||
                   model::is_checkpoint_of(key, machine.run_id);
  if (!own) {
    co_return fail(ErrorCode::not_found, "no such object");
  }
  auto info = co_await objects_.stat(key, base::after(kObjects));
  if (!info) co_return info.error();
  const bool through_home = number(exchange.request(), "link").value_or(1) == 0;
  if (info->size >= options_.link_from && !through_home) {
    if (const auto grant = objects_.grant_get(key, kLinkLife)) {
      net::Response away;
      away.status = 307;
      away.headers = {{"Location", grant->url}, {"Cache-Control", "no-store"}};
      co_return away;
    }
  }
  net::Response head;
  auto out = co_await exchange.start_stream(std::move(head), info->size);
  for (std::int64_t at = 0; at < info->size;) {
    auto piece = co_await objects_.read(key, at, kLargestPiece, base::after(kObjects));
    if (!piece || piece->empty()) break;  // its length tells the worker
    at += static_cast<std::int64_t>(piece->size());
    if (const auto sent = co_await out->write(*piece); !sent) break;
  }
  co_return std::optional<net::Response>();
}

awaitable<Home::Answer> Home::take_piece(const net::Request& request, const model::Machine& machine,
                                         std::string key) {
  const auto offset = number(request, "offset");
  if (!offset) co_return wrong_query("offset");
  const bool last = number(request, "last").value_or(0) == 1;
  if (!is_writable(key, machine)) co_return fail(ErrorCode::not_found, "no object of this run");
  if (static_cast<std::int64_t>(request.body.size()) > kLargestPiece) {
    co_return fail(ErrorCode::too_large, "a piece is 4 MiB at most");
  }
  const std::shared_ptr<Guest> guest_of = guest(machine);
  Guest& here = *guest_of;
  if (here.over) co_return lost();
  const auto size = static_cast<std::int64_t>(request.body.size());
  if (auto refused = refusal(here, key, *offset + size)) co_return std::move(*refused);
  if (here.busy) co_return fail(ErrorCode::busy, "another piece is being written");
  const Hold busy(here.busy);
  if (here.key != key || *offset == 0) {
    const auto no_link = std::chrono::seconds(0);
    if (auto refused = co_await one_more(here, key, no_link)) co_return std::move(*refused);
    here.writer.reset();
    here.key = key;
    here.have = 0;
  }
  if (*offset != here.have) {
    net::Response response = told(here.have, false);
    response.status = 409;
    co_return response;
  }
  if (!here.writer) {
    auto writer = co_await objects_.create(key, base::after(kObjects));
    if (!writer) co_return writer.error();
    if (here.over) co_return lost();
    here.writer = std::move(*writer);
  }
  auto appended = co_await here.writer->append(request.body, base::after(kObjects));
  if (here.over) here.writer.reset();
  if (here.over) co_return lost();
  if (appended && last) appended = co_await here.writer->commit(base::after(kObjects));
  if (!appended) {
    here.writer.reset();
    here.have = 0;
    // It is there: the answer to its last piece was lost. Nobody else writes this key.
    const bool there = last && appended.error().code == ErrorCode::conflict;
    if (!there) co_return appended.error();
    co_return told(*offset + size, true);
  }
  // The end names what was there before it; this is nobody's.
  if (here.over && last) co_await remove(key);
  if (here.over) co_return lost();
  here.have += size;
  const std::int64_t have = here.have;
  if (last) {
    note(here, key, have);
    here.writer.reset();
    here.key.clear();
    here.have = 0;
  }
  co_return told(have, last);
}

}  // namespace mecapy::home
