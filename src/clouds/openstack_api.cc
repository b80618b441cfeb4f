#include "clouds/openstack_api.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace mecapy::clouds {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr int kMostPages = 1000;  // of a list; it may be lying
// A token lasts for a day; one whose end is near is not used any more.
constexpr std::chrono::microseconds kTokenLasts = std::chrono::hours(23);
constexpr std::chrono::minutes kNearItsEnd{10};
constexpr std::chrono::milliseconds kLookAgain{50};

// {"itemNotFound": {"code": 404, "message": "..."}}
Judged judge(int status, const json::value& body) {
  Judged judged;
  const json::object* object = body.if_object();
  if (object != nullptr && !object->empty()) {
    const auto& [name, fault] = *object->begin();
    judged.words = std::string(name) + ": " + text_at(fault, {"message"});
  }
  const bool limit = judged.words.find("uota") != std::string::npos;
  if ((status == 403 || status == 413) && limit) {
    judged.trouble = Trouble::quota;
  } else if (status == 409 || status == 413) {
    judged.trouble = Trouble::passing;
  }
  return judged;
}

CallOptions call_options(const OpenstackOptions& options) {
  CallOptions calls = options.calls;
  calls.cloud = "OpenStack";
  calls.secrets.push_back(options.credential_secret);
  return calls;
}

OpenstackServer read_server(const json::value& value) {
  OpenstackServer server;
  server.id = id_at(value, {"id"});
  server.status = text_at(value, {"status"});
  server.fault = text_at(value, {"fault", "message"});
  server.made = parse_time(text_at(value, {"created"}));
  if (const json::object* metadata = value_at(value, {"metadata"}).if_object()) {
    for (const auto& [name, text] : *metadata) {
      if (text.is_string()) server.metadata[name] = text.get_string();
    }
  }
  return server;
}

}  // namespace

std::chrono::microseconds token_lasts(std::optional<base::TimePoint> end, base::TimePoint now) {
  if (!end || *end <= now) return kTokenLasts;
  const std::chrono::microseconds left = *end - now;
  return std::min(kTokenLasts, left - std::min<std::chrono::microseconds>(kNearItsEnd, left / 2));
}

OpenstackApi::OpenstackApi(const OpenstackOptions& options)
    : options_(options), calls_(call_options(options), judge) {}

// ---- keystone

awaitable<Answer<OpenstackApi::Session>> OpenstackApi::session(base::Deadline deadline) {
  while (logging_in_) {
    if (base::after(kLookAgain) >= deadline) {
      co_return calls_.refusal(Trouble::passing, "a token", "no time was left for it");
    }
    asio::steady_timer timer(co_await asio::this_coro::executor, kLookAgain);
    boost::system::error_code ec;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
  if (session_ && std::chrono::steady_clock::now() < session_->until) co_return *session_;
  logging_in_ = true;
  struct End {
    bool& flag;
    ~End() { flag = false; }
  } end{logging_in_};
  co_return co_await log_in(deadline);
}

awaitable<Answer<OpenstackApi::Session>> OpenstackApi::log_in(base::Deadline deadline) {
  session_.reset();
  CloudRequest request{"a token is asked for", Repeat::may, "POST",
                       options_.auth_url + "/auth/tokens"};
  const json::object credential{{"id", options_.credential_id},
                                {"secret", options_.credential_secret}};
  const json::object identity{{"methods", json::array{"application_credential"}},
                              {"application_credential", credential}};
  request.body = json::serialize(json::object{{"auth", json::object{{"identity", identity}}}});
  Called called = co_await calls_.call(std::move(request), deadline);
  const Reply* reply = std::get_if<Reply>(&called);
  if (reply == nullptr) co_return std::get<Refused>(called).refusal;
  auto read = read_session(*reply);
  if (const auto* fresh = std::get_if<Session>(&read)) session_ = *fresh;
  co_return read;
}

Answer<OpenstackApi::Session> OpenstackApi::read_session(const Reply& reply) const {
  Session session;
  session.token = net::find_header(reply.headers, "x-subject-token").value_or("");
  if (session.token.empty()) {
    return calls_.refusal(Trouble::passing, "a token", "an answer without one");
  }
  for (const json::value& service : array_at(reply.body, {"token", "catalog"})) {
    if (text_at(service, {"type"}) != "compute") continue;
    for (const json::value& at : array_at(service, {"endpoints"})) {
      const std::string region =
          text_at(at, {"region"}).empty() ? text_at(at, {"region_id"}) : text_at(at, {"region"});
      if (session.compute.empty() && region == options_.region &&
          text_at(at, {"interface"}) == "public") {
        session.compute = text_at(at, {"url"});
      }
    }
  }
  while (session.compute.ends_with('/')) session.compute.pop_back();
  if (session.compute.empty() || !net::check_url(session.compute)) {
    return calls_.refusal(Trouble::refused, "the catalogue",
                          "no servers at an https:// address in the region " + options_.region);
  }
  session.until = base::after(token_lasts(parse_time(text_at(reply.body, {"token", "expires_at"})),
                                          base::SystemClock().now()));
  return session;
}

// ---- nova

awaitable<Called> OpenstackApi::call(CloudRequest request, base::Deadline deadline) {
  for (bool again = true;; again = false) {
    auto opened = co_await session(deadline);
    if (auto* refusal = std::get_if<Refusal>(&opened)) co_return Refused{std::move(*refusal), 0};
    const auto& session = std::get<Session>(opened);
    CloudRequest full = request;
    full.url = session.compute + request.url;
    full.headers.emplace_back("X-Auth-Token", session.token);
    Called called = co_await calls_.call(std::move(full), deadline);
    const auto* refused = std::get_if<Refused>(&called);
    if (!again || refused == nullptr || refused->status != 401) co_return called;
    // Another call may have replaced it already.
    if (session_ && session_->token == session.token) session_.reset();
  }
}

awaitable<Answer<std::string>> OpenstackApi::create(Create create, base::Deadline deadline) {
  CloudRequest request{"a server is made in " + options_.region, Repeat::never, "POST", "/servers"};
  json::object metadata;
  for (const auto& [name, text] : create.metadata) metadata[name] = text;
  const json::object server{{"name", create.name},
                            {"flavorRef", create.flavor},
                            {"imageRef", options_.image},
                            {"networks", json::array{json::object{{"uuid", options_.network}}}},
                            {"user_data", create.user_data},
                            {"metadata", std::move(metadata)}};
  request.body = json::serialize(json::object{{"server", server}});
  const std::string what = request.what;
  Called called = co_await call(std::move(request), deadline);
  const Reply* reply = std::get_if<Reply>(&called);
  if (reply == nullptr) co_return std::get<Refused>(called).refusal;
  if (!reply->found()) co_return calls_.refusal(Trouble::refused, what, "404");
  std::string id = id_at(reply->body, {"server", "id"});
  if (id.empty()) co_return calls_.refusal(Trouble::unknown, what, "an answer without an id");
  co_return id;
}

awaitable<Answer<OpenstackApi::Found>> OpenstackApi::server(std::string id,
                                                            base::Deadline deadline) {
  CloudRequest request{"a server is looked at", Repeat::may, "GET", "/servers/" + id};
  Called called = co_await call(std::move(request), deadline);
  const Reply* reply = std::get_if<Reply>(&called);
  if (reply == nullptr) co_return std::get<Refused>(called).refusal;
  if (!reply->found()) co_return Found();
  OpenstackServer server = read_server(value_at(reply->body, {"server"}));
  if (server.id != id) {
    co_return calls_.refusal(Trouble::passing, "a server is looked at", "an answer about another");
  }
  co_return Found(std::move(server));
}

awaitable<Answer<std::vector<OpenstackServer>>> OpenstackApi::servers(base::Deadline deadline) {
  std::vector<OpenstackServer> all;
  std::string after;
  for (int page = 0; page < kMostPages; ++page) {
    CloudRequest request{"servers are listed", Repeat::may, "GET", "/servers/detail"};
    if (!after.empty()) request.url += "?marker=" + after;
    Called called = co_await call(std::move(request), deadline);
    const Reply* reply = std::get_if<Reply>(&called);
    if (reply == nullptr) co_return std::get<Refused>(called).refusal;
    const json::array* there = value_at(reply->body, {"servers"}).if_array();
    if (there == nullptr) {
      co_return calls_.refusal(Trouble::passing, "servers are listed", "an answer without a list");
    }
    for (const json::value& one : *there) {
      OpenstackServer server = read_server(one);
      if (!server.id.empty()) all.push_back(std::move(server));
    }
    // A cloud bounds its pages as it likes: after the last one there is no next.
    if (there->empty() || array_at(reply->body, {"servers_links"}).empty()) co_return all;
    after = id_at(there->back(), {"id"});
  }
  co_return calls_.refusal(Trouble::passing, "servers are listed", "the list does not end");
}

awaitable<Answer<Done>> OpenstackApi::remove(std::string id, base::Deadline deadline) {
  CloudRequest request{"a server is deleted", Repeat::may, "DELETE", "/servers/" + id};
  Called called = co_await call(std::move(request), deadline);
  if (auto* refused = std::get_if<Refused>(&called)) co_return std::move(refused->refusal);
  co_return Done{};
}

}  // namespace mecapy::clouds
