#include "objects/s3_client.h"

#include <openssl/evp.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <utility>

#include "base/id.h"
#include "base/jitter.h"
#include "base/sha256.h"
#include "objects/s3_xml.h"

namespace mecapy::objects {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr int kTries = 5;
constexpr milliseconds kFirstPause{100};  // doubles, with jitter
// A try that got no answer is given up, so that there is time for another.
constexpr std::chrono::seconds kTry{30};
constexpr std::int64_t kLargestPut = std::int64_t{5} << 30;  // of S3
constexpr const char* kWriter = "x-amz-meta-writer";
constexpr const char* kSha256 = "x-amz-meta-sha256";  // of an object that came in one piece

base::TimePoint now() { return base::SystemClock().now(); }

milliseconds pause_after(int tries) { return base::jittered(kFirstPause * (1 << tries)); }

bool worth_another(const net::Response& response) {
  // 409: another writer of the same key is not done yet.
  return response.status >= 500 || response.status == 429 || response.status == 409;
}

Error refused(const net::Response& response) {
  if (response.status == 404) return fail(ErrorCode::not_found, "no such object");
  const std::string code = s3_error_code(response.body);
  return fail(ErrorCode::storage, "the object store answered " + std::to_string(response.status) +
                                      (code.empty() ? "" : " " + code));
}

Error taken() { return fail(ErrorCode::conflict, "there is an object with this key already"); }

// Base64 of what the hexadecimal digits say.
std::string base64_of(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    bytes += static_cast<char>(byte);
  }
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

bool is_fine(const net::Response& response) {
  return response.status >= 200 && response.status < 300;
}

}  // namespace

S3Client::S3Client(S3Address address, S3Keys keys)
    : address_(std::move(address)), keys_(std::move(keys)), http_({.ca = address_.ca}) {}

net::Outgoing S3Client::sign(const Call& call) const {
  ToSign request;
  request.method = call.method;
  request.host = address_.host();
  request.path = address_.path(call.key);
  request.query = call.query;
  request.headers = call.headers;
  request.payload_sha256 = call.body.sha256.empty() ? base::sha256_hex("") : call.body.sha256;
  net::Outgoing outgoing;
  outgoing.method = call.method;
  const std::string query = encoded_query(call.query);
  outgoing.url = address_.origin() + request.path + (query.empty() ? "" : "?" + query);
  outgoing.headers = call.headers;
  for (auto& header : signed_headers(request, keys_, address_.region, now())) {
    outgoing.headers.push_back(std::move(header));
  }
  outgoing.body = call.body.bytes;
  outgoing.max_response = call.max_response;
  return outgoing;
}

awaitable<Result<net::Response>> S3Client::call(const Call& call, base::Deadline deadline) {
  Error last = fail(ErrorCode::deadline_exceeded, "no time was left for the object store");
  for (int tries = 0; tries < kTries && std::chrono::steady_clock::now() < deadline; ++tries) {
    if (tries > 0) {
      asio::steady_timer timer(co_await asio::this_coro::executor, pause_after(tries - 1));
      co_await timer.async_wait(asio::use_awaitable);
      ++retries_;
    }
    ++requests_;
    auto answered = co_await http_.send(sign(call), std::min(deadline, base::after(kTry)));
    if (auto* response = std::get_if<net::Response>(&answered)) {
      if (!worth_another(*response)) co_return std::move(*response);
      last = refused(*response);
      continue;
    }
    const auto& none = std::get<net::NoAnswer>(answered);
    if (none.error.code == ErrorCode::too_large) co_return none.error;
    last = fail(ErrorCode::storage, "the object store cannot be reached: " + none.error.message);
  }
  if (std::chrono::steady_clock::now() >= deadline) {
    co_return fail(ErrorCode::deadline_exceeded, "the object store took too long: " + last.message);
  }
  co_return last;
}

// Whether the object at `key` is this writer's: an earlier try of the same call made it, ours or
// one of libcurl's own, who sends again what a kept connection did not take.
awaitable<Result<bool>> S3Client::wrote(std::string key, std::string writer,
                                        base::Deadline deadline) {
  const Call head{.method = "HEAD", .key = std::move(key)};
  auto answer = co_await call(head, deadline);
  if (!answer) co_return answer.error();
  co_return is_fine(*answer) && net::find_header(answer->headers, kWriter) == writer;
}

awaitable<Result<void>> S3Client::put(std::string key, S3Body body, base::Deadline deadline) {
  const std::string writer = base::random_hex(16);
  const std::string sha256 = body.sha256;
  const Call put{.method = "PUT",
                 .key = key,
                 .headers = {{"if-none-match", "*"}, {kSha256, sha256}, {kWriter, writer}},
                 .body = std::move(body)};
  auto answer = co_await call(put, deadline);
  if (!answer) co_return answer.error();
  if (answer->status != 412) co_return is_fine(*answer) ? Result<void>{} : refused(*answer);
  const auto ours = co_await wrote(std::move(key), writer, deadline);
  if (!ours) co_return ours.error();
  co_return *ours ? Result<void>{} : taken();
}

awaitable<Result<ObjectInfo>> S3Client::stat(std::string key, base::Deadline deadline) {
  const Call head{.method = "HEAD", .key = std::move(key)};
  auto answer = co_await call(head, deadline);
  if (!answer) co_return answer.error();
  if (!is_fine(*answer)) co_return refused(*answer);
  const auto length = net::find_header(answer->headers, "content-length");
  ObjectInfo info{-1, std::string(net::find_header(answer->headers, kSha256).value_or(""))};
  if (length) std::from_chars(length->data(), length->data() + length->size(), info.size);
  if (info.size < 0) co_return fail(ErrorCode::storage, "the object store told no length");
  co_return info;
}

awaitable<Result<std::string>> S3Client::read(std::string key, std::int64_t offset,
                                              std::int64_t length, base::Deadline deadline) {
  const std::string range =
      "bytes=" + std::to_string(offset) + "-" + std::to_string(offset + length - 1);
  const Call get{.method = "GET",
                 .key = std::move(key),
                 .headers = {{"range", range}},
                 .max_response = std::max<std::int64_t>(length, 1 << 16)};
  auto answer = co_await call(get, deadline);
  if (!answer) co_return answer.error();
  if (answer->status == 416) co_return std::string();  // begins after the end
  if (!is_fine(*answer)) co_return refused(*answer);
  if (answer->status != 206 || static_cast<std::int64_t>(answer->body.size()) > length) {
    co_return fail(ErrorCode::storage, "the object store gave other bytes than were asked for");
  }
  co_return std::move(answer->body);
}

awaitable<Result<S3Object>> S3Client::get(std::string key, std::int64_t max,
                                          base::Deadline deadline) {
  const Call get{
      .method = "GET", .key = std::move(key), .max_response = std::max<std::int64_t>(max, 1 << 16)};
  auto answer = co_await call(get, deadline);
  if (!answer) co_return answer.error();
  if (!is_fine(*answer)) co_return refused(*answer);
  if (static_cast<std::int64_t>(answer->body.size()) > max) {
    co_return fail(ErrorCode::too_large, "the object is larger than expected");
  }
  std::string sha256(net::find_header(answer->headers, kSha256).value_or(""));
  co_return S3Object{std::move(answer->body), std::move(sha256)};
}

awaitable<Result<void>> S3Client::remove(std::string key, base::Deadline deadline) {
  const Call remove{.method = "DELETE", .key = std::move(key)};
  auto answer = co_await call(remove, deadline);
  if (!answer) co_return answer.error();
  if (!is_fine(*answer) && answer->status != 404) {
    co_return refused(*answer);
  }
  co_return Result<void>{};
}

awaitable<Result<S3Page>> S3Client::list(std::string begin, std::string after, int limit,
                                         base::Deadline deadline) {
  Call list{.method = "GET",
            .query = {{"list-type", "2"},
                      {"max-keys", std::to_string(std::min(limit, 1000))},
                      {"prefix", address_.prefix + begin}},
            .max_response = 8 << 20};
  if (!after.empty()) list.query.emplace_back("continuation-token", after);
  auto answer = co_await call(list, deadline);
  if (!answer) co_return answer.error();
  if (!is_fine(*answer)) co_return refused(*answer);
  co_return parse_s3_page(answer->body, address_.prefix);
}

awaitable<Result<S3Client::Upload>> S3Client::begin_upload(std::string key,
                                                           base::Deadline deadline) {
  Upload upload{.key = std::move(key), .id = "", .writer = base::random_hex(16)};
  const Call begin{.method = "POST",
                   .key = upload.key,
                   .query = {{"uploads", ""}},
                   .headers = {{kWriter, upload.writer}}};
  auto answer = co_await call(begin, deadline);
  if (!answer) co_return answer.error();
  if (!is_fine(*answer)) co_return refused(*answer);
  auto id = parse_upload_id(answer->body);
  if (!id) co_return id.error();
  upload.id = std::move(*id);
  co_return upload;
}

awaitable<Result<void>> S3Client::add_part(Upload& upload, S3Body body, base::Deadline deadline) {
  const Call part{
      .method = "PUT",
      .key = upload.key,
      .query = {{"partNumber", std::to_string(upload.etags.size() + 1)}, {"uploadId", upload.id}},
      .body = std::move(body)};
  auto answer = co_await call(part, deadline);
  if (!answer) co_return answer.error();
  if (!is_fine(*answer)) co_return refused(*answer);
  const auto etag = net::find_header(answer->headers, "etag");
  if (!etag) co_return fail(ErrorCode::storage, "the object store told no ETag of a part");
  upload.etags.emplace_back(*etag);
  co_return Result<void>{};
}

awaitable<Result<void>> S3Client::complete(const Upload& upload, base::Deadline deadline) {
  S3Body body{completion_xml(upload.etags), ""};
  body.sha256 = base::sha256_hex(std::get<std::string>(body.bytes));
  const Call complete{.method = "POST",
                      .key = upload.key,
                      .query = {{"uploadId", upload.id}},
                      .headers = {{"if-none-match", "*"}},
                      .body = std::move(body)};
  auto answer = co_await call(complete, deadline);
  if (!answer) co_return answer.error();
  // An upload that an earlier try completed is not there any more.
  if (answer->status == 412 || answer->status == 404) {
    const auto ours = co_await wrote(upload.key, upload.writer, deadline);
    if (!ours) co_return ours.error();
    if (*ours) co_return Result<void>{};
    co_return answer->status == 412 ? taken() : refused(*answer);
  }
  if (!is_fine(*answer)) co_return refused(*answer);
  // S3 may begin with 200 and tell of a failure in the body.
  if (const std::string code = s3_error_code(answer->body); !code.empty()) {
    co_return fail(ErrorCode::storage, "the object store could not join the parts: " + code);
  }
  co_return Result<void>{};
}

awaitable<Result<void>> S3Client::abort(Upload upload, base::Deadline deadline) {
  const Call abort{.method = "DELETE",
                   .key = std::move(upload.key),
                   .query = {{"uploadId", std::move(upload.id)}}};
  auto answer = co_await call(abort, deadline);
  if (!answer) co_return answer.error();
  co_return Result<void>{};
}

std::string S3Client::link(const std::string& key, const std::string& file_name,
                           const std::string& content_type, std::chrono::seconds life) const {
  const S3Address address = address_.from_outside();
  ToSign request;
  request.method = "GET";
  request.host = address.host();
  request.path = address.path(key);
  request.query = {{"response-content-disposition",
                    "attachment; filename*=UTF-8''" + percent_encoded(file_name, Slashes::encoded)},
                   {"response-content-type", content_type}};
  return address.origin() + request.path + "?" +
         signed_query(request, keys_, address_.region, now(), life);
}

std::optional<Grant> S3Client::grant_put(const std::string& key, const ObjectInfo& object,
                                         std::chrono::seconds life) const {
  if (address_.public_endpoint.empty() || object.size > kLargestPut) return std::nullopt;
  const S3Address address = address_.from_outside();
  ToSign request;
  request.method = "PUT";
  request.host = address.host();
  request.path = address.path(key);
  // The length is one of them, so that another one breaks the signature.
  request.headers = {{"content-length", std::to_string(object.size)},
                     {"if-none-match", "*"},
                     {"x-amz-checksum-sha256", base64_of(object.sha256)},
                     {kSha256, object.sha256},
                     {kWriter, base::random_hex(16)}};
  Grant grant{address.origin() + request.path + "?" +
                  signed_query(request, keys_, address_.region, now(), life),
              std::move(request.headers)};
  return grant;
}

std::optional<Grant> S3Client::grant_get(const std::string& key, std::chrono::seconds life) const {
  if (address_.public_endpoint.empty()) return std::nullopt;
  const S3Address address = address_.from_outside();
  ToSign request;
  request.method = "GET";
  request.host = address.host();
  request.path = address.path(key);
  return Grant{address.origin() + request.path + "?" +
               signed_query(request, keys_, address_.region, now(), life)};
}

}  // namespace mecapy::objects
