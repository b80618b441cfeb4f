#include <algorithm>

#include "api/routes.h"
#include "base/loopback.h"
#include "wire/json.h"

namespace mecapy::api {
namespace {

using Status = Readiness::Status;

// Of a part that knows.
Result<std::string> known(const Result<void>& answer) {
  if (!answer) return answer.error();
  return std::string();
}

// Where the client thinks that we are, by the Host it asked for (untrusted). We speak no TLS
// ourselves, but on the way from another machine there is some.
std::string own_address(std::string_view host) {
  std::string_view name = host.substr(0, host.find(']') + 1);
  if (name.empty()) name = host.substr(0, host.find(':'));
  return (base::is_loopback(name) ? "http://" : "https://") + std::string(host);
}

}  // namespace

std::vector<Readiness::Part> parts_to_ask(const Parts& parts) {
  return {
      {"database", Status::unavailable,
       [&store = parts.store](base::Deadline) -> awaitable<Result<std::string>> {
         co_return known(co_await store.ping());
       }},
      {"objects", Status::unavailable,
       [&objects = parts.objects](base::Deadline deadline) -> awaitable<Result<std::string>> {
         co_return known(co_await objects.ping(deadline));
       }},
      // Without its Redis a queue works for this process alone.
      {"queue", Status::degraded,
       [&queue = parts.queue](base::Deadline) -> awaitable<Result<std::string>> {
         co_return known(queue.health());
       }},
      {"identity", Status::unavailable,
       [&callers = parts.authenticator](base::Deadline deadline) -> awaitable<Result<std::string>> {
         co_return known(co_await callers.ready(deadline));
       }},
      {"worker", Status::unavailable,
       [ready = parts.worker_ready](base::Deadline) { return ready(); }},
      {"machines", Status::degraded,
       [ready = parts.machines_ready](base::Deadline) -> awaitable<Result<std::string>> {
         co_return ready();
       }},
  };
}

awaitable<Answer> Routes::me(Api&, Call& call) {
  wire::ObjectWriter body;
  body.text("user", call.caller.user)
      .boolean("admin", call.caller.admin)
      .text("proof", auth::name(call.caller.proof));
  co_return json_response(200, std::move(body).finish());
}

awaitable<Answer> Routes::protected_resource(Api& api, Call& call) {
  const bool elsewhere = !options(api).issuer.empty();
  wire::ObjectWriter body;
  body.text("resource", own_address(call.request().header("host").value_or("")))
      .raw("authorization_servers",
           elsewhere ? wire::array_of({wire::quote(options(api).issuer)}) : "[]")
      .raw("bearer_methods_supported", R"(["header"])");
  if (elsewhere) body.text("mecapy_client_id", options(api).client_id);
  net::Response response = json_response(200, std::move(body).finish());
  response.headers = {{"Cache-Control", "no-store"}};
  co_return response;
}

awaitable<Answer> Routes::openapi(Api&, Call&) { co_return json_response(200, openapi_document()); }

awaitable<Answer> Routes::home(Api&, Call&) {
  net::Response response;
  response.status = 303;
  response.content_type.clear();
  response.headers = {{"Location", "/docs"}};
  co_return response;
}

awaitable<Answer> Routes::live(Api&, Call&) { co_return json_response(200, R"({"status":"ok"})"); }

awaitable<Answer> Routes::ready(Api& api, Call&) {
  std::vector<Readiness::Finding> findings = co_await readiness(api).look();
  if (draining(api)) findings.push_back({"accepting", Status::unavailable, "shutting down"});
  Status worst = Status::ok;
  wire::ObjectWriter parts;
  for (const Readiness::Finding& finding : findings) {
    worst = std::max(worst, finding.status);
    wire::ObjectWriter part;
    part.text("status", name(finding.status));
    if (finding.status != Status::ok) part.text("why", finding.why);
    parts.raw(finding.part, std::move(part).finish());
  }
  wire::ObjectWriter body;
  body.text("status", worst <= Status::unknown ? "ready" : name(worst))
      .raw("parts", std::move(parts).finish());
  const bool fine = worst != Status::unavailable;
  net::Response response = json_response(fine ? 200 : 503, std::move(body).finish());
  if (!fine) response.headers.emplace_back("Retry-After", "1");
  co_return response;
}

}  // namespace mecapy::api
