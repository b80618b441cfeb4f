#include "api/routes.h"
#include "wire/json.h"

namespace mecapy::api {
namespace {

constexpr std::chrono::seconds kProbe{5};

std::string verdict(const Result<void>& result) { return result ? "ok" : result.error().message; }

}  // namespace

awaitable<Answer> Routes::openapi(Api&, Call&) { co_return json_response(200, openapi_document()); }

awaitable<Answer> Routes::home(Api&, Call&) {
  net::Response response;
  response.status = 303;
  response.content_type.clear();
  response.headers = {{"Location", "/docs"}};
  co_return response;
}

awaitable<Answer> Routes::docs(Api& api, Call&) {
  net::Response response;
  response.content_type = "text/html; charset=utf-8";
  response.headers = {{"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"}};
  response.body = docs_page(options(api).ceilings);
  co_return response;
}

awaitable<Answer> Routes::live(Api&, Call&) { co_return json_response(200, R"({"status":"ok"})"); }

awaitable<Answer> Routes::ready(Api& api, Call&) {
  const auto database = co_await parts(api).store.ping();
  const auto storage = co_await parts(api).objects.ping(base::after(kProbe));
  const auto worker = co_await parts(api).worker_ready();
  const auto callers = co_await parts(api).authenticator.ready(base::after(kProbe));
  // Without its Redis a queue works for this process alone.
  const auto queue = parts(api).queue.health();
  const bool fine = database && storage && worker && callers && !draining(api);
  wire::ObjectWriter checks;
  checks.text("database", verdict(database))
      .text("objects", verdict(storage))
      .text("queue", verdict(queue))
      .text("identity", verdict(callers))
      .text("worker", verdict(worker))
      .text("accepting", draining(api) ? "shutting down" : "ok");
  net::Response response =
      json_response(fine ? 200 : 503, std::move(wire::ObjectWriter()
                                                    .text("status", !fine   ? "unavailable"
                                                                    : queue ? "ok"
                                                                            : "degraded")
                                                    .raw("checks", std::move(checks).finish()))
                                          .finish());
  if (!fine) response.headers.emplace_back("Retry-After", "1");
  co_return response;
}

}  // namespace mecapy::api
