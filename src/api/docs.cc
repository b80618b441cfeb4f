// The documents under /docs: the site, where one was built, and the page of the contract.
#include "api/routes.h"
#include "api/site.h"

namespace mecapy::api {
namespace {

// The theme's own scripts, styles and search, from here; nothing from elsewhere, nothing written
// into a page.
constexpr std::string_view kSitePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";
constexpr std::chrono::seconds kThreadIsFree{30};

net::Response head_of(const SiteFile& file) {
  net::Response head;
  head.content_type = std::string(file.media);
  head.headers = {{"ETag", file.etag},
                  {"Cache-Control", std::string(file.keep)},
                  {"Content-Security-Policy", std::string(kSitePolicy)},
                  {"Referrer-Policy", "same-origin"}};
  return head;
}

awaitable<Result<std::string>> read_piece(Api& api, std::shared_ptr<const SiteFile> file,
                                          std::int64_t at) {
  const std::int64_t length = std::min(kPiece, file->size - at);
  co_return co_await base::offload<std::string>(
      Routes::parts(api).threads, base::after(kThreadIsFree),
      [file, at, length] { return read_site_file(*file, at, length); });
}

// The file piece by piece; its length tells the client when it breaks off.
awaitable<Answer> send_file(Api& api, Call& call, std::shared_ptr<const SiteFile> file) {
  auto piece = co_await read_piece(api, file, 0);
  if (!piece) co_return piece.error();
  auto out = co_await call.exchange.start_stream(head_of(*file), file->size);
  if (call.request().method == "HEAD") co_return std::optional<net::Response>();
  for (std::int64_t at = 0; at < file->size;) {
    if (const auto sent = co_await out->write(*piece); !sent) break;
    at += static_cast<std::int64_t>(piece->size());
    if (at == file->size) break;
    piece = co_await read_piece(api, file, at);
    if (!piece) break;
  }
  co_return std::optional<net::Response>();
}

awaitable<Answer> answer_with(Api& api, Call& call, std::string name) {
  const Site& site = *Routes::options(api).site;
  if (!site.there()) {
    co_return fail_at("#path", ErrorCode::not_found,
                      "the documents were not built (make docs); the contract is at "
                      "/docs/contract");
  }
  auto file =
      co_await base::offload<SiteFile>(Routes::parts(api).threads, base::after(kThreadIsFree),
                                       [&site, name = std::move(name)] { return site.open(name); });
  if (!file) co_return fail_at("#path", file.error().code, file.error().message);
  const auto known = call.request().header("if-none-match");
  if (known && names_etag(*known, file->etag)) {
    net::Response same = head_of(*file);
    same.status = 304;
    same.content_type.clear();
    co_return same;
  }
  co_return co_await send_file(api, call, std::make_shared<const SiteFile>(std::move(*file)));
}

}  // namespace

awaitable<Answer> Routes::docs(Api& api, Call&) {
  net::Response response;
  response.status = 303;
  response.content_type.clear();
  response.headers = {{"Location", options(api).site->there() ? "/docs/" : "/docs/contract"}};
  co_return response;
}

awaitable<Answer> Routes::docs_start(Api& api, Call& call) {
  return answer_with(api, call, "index.html");
}

awaitable<Answer> Routes::docs_file(Api& api, Call& call) {
  return answer_with(api, call, call.path.at("name"));
}

awaitable<Answer> Routes::contract(Api& api, Call&) {
  net::Response response;
  response.content_type = "text/html; charset=utf-8";
  response.headers = {{"Content-Security-Policy",
                       "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                       "form-action 'none'; frame-ancestors 'none'"}};
  response.body = contract_page(options(api).ceilings,
                                options(api).site->there() ? Documents::there : Documents::absent);
  co_return response;
}

}  // namespace mecapy::api
