#include "objects/s3_sign.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <ctime>

#include "base/id.h"
#include "base/sha256.h"

namespace mecapy::objects {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kUnsigned = "UNSIGNED-PAYLOAD";

std::string hmac(std::string_view key, std::string_view text) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  ::HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, nullptr);
  return {reinterpret_cast<const char*>(digest), sizeof digest};
}

// "20130524T000000Z"
std::string amz_time(base::TimePoint now) {
  const std::time_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc)};
}

std::string scope_of(const std::string& time, const std::string& region) {
  return time.substr(0, 8) + "/" + region + "/s3/aws4_request";
}

std::string names_of(const Pairs& headers) {
  std::string names;
  for (const auto& [name, value] : headers) names += (names.empty() ? "" : ";") + name;
  return names;
}

// `headers` are all that are signed, sorted; `query` is encoded.
std::string signature(const ToSign& request, const std::string& query, const Pairs& headers,
                      const S3Keys& keys, const std::string& region, const std::string& time) {
  std::string canonical = request.method + "\n" + request.path + "\n" + query + "\n";
  for (const auto& [name, value] : headers) canonical += name + ":" + value + "\n";
  canonical += "\n" + names_of(headers) + "\n" + request.payload_sha256;
  const std::string text = std::string(kAlgorithm) + "\n" + time + "\n" + scope_of(time, region) +
                           "\n" + base::sha256_hex(canonical);
  std::string key = hmac("AWS4" + keys.secret, time.substr(0, 8));
  for (const std::string_view part :
       {std::string_view(region), std::string_view("s3"), std::string_view("aws4_request")}) {
    key = hmac(key, part);
  }
  return base::hex(hmac(key, text));
}

}  // namespace

std::string percent_encoded(std::string_view text, Slashes slashes) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' ||
                       (c == '/' && slashes == Slashes::kept);
    if (plain) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return encoded;
}

std::string encoded_query(Pairs query) {
  for (auto& [name, value] : query) {
    name = percent_encoded(name, Slashes::encoded);
    value = percent_encoded(value, Slashes::encoded);
  }
  std::ranges::sort(query);
  std::string text;
  for (const auto& [name, value] : query) text += (text.empty() ? "" : "&") + name + "=" + value;
  return text;
}

Pairs signed_headers(const ToSign& request, const S3Keys& keys, const std::string& region,
                     base::TimePoint now) {
  const std::string time = amz_time(now);
  Pairs sent = {{"x-amz-content-sha256", request.payload_sha256}, {"x-amz-date", time}};
  Pairs all = request.headers;
  all.insert(all.end(), sent.begin(), sent.end());
  all.emplace_back("host", request.host);
  std::ranges::sort(all);
  const std::string signed_by =
      signature(request, encoded_query(request.query), all, keys, region, time);
  sent.emplace_back("authorization", std::string(kAlgorithm) + " Credential=" + keys.access + "/" +
                                         scope_of(time, region) + ", SignedHeaders=" +
                                         names_of(all) + ", Signature=" + signed_by);
  return sent;
}

std::string signed_query(const ToSign& request, const S3Keys& keys, const std::string& region,
                         base::TimePoint now, std::chrono::seconds life) {
  const std::string time = amz_time(now);
  ToSign link = request;
  link.payload_sha256 = kUnsigned;
  link.query.emplace_back("X-Amz-Algorithm", kAlgorithm);
  link.query.emplace_back("X-Amz-Credential", keys.access + "/" + scope_of(time, region));
  link.query.emplace_back("X-Amz-Date", time);
  link.query.emplace_back("X-Amz-Expires", std::to_string(life.count()));
  Pairs headers = request.headers;
  headers.emplace_back("host", link.host);
  std::ranges::sort(headers);
  link.query.emplace_back("X-Amz-SignedHeaders", names_of(headers));
  const std::string query = encoded_query(link.query);
  return query + "&X-Amz-Signature=" + signature(link, query, headers, keys, region, time);
}

}  // namespace mecapy::objects
