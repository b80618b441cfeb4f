// What the store in S3 promises beside the contract, on the server of tools/services.sh.
#include <gtest/gtest.h>

#include "base/id.h"
#include "base/sha256.h"
#include "base/test_services.h"
#include "net/http_client.h"
#include "objects/objects_contract.h"
#include "objects/s3_address.h"
#include "objects/s3_sign.h"
#include "objects/s3_xml.h"

namespace mecapy::objects {
namespace {

using std::chrono::seconds;

enum class Style : std::uint8_t { path, virtual_host };

S3Options test_options(Style style = Style::path) {
  const std::string keys = base::of_service("s3", "keys");
  S3Options options;
  options.url = base::of_service("s3");
  // A prefix of its own, so that each test finds an empty store.
  options.url.insert(options.url.find('?'), "/test-" + base::random_hex(8));
  if (style == Style::virtual_host) {  // mecapy.localhost
    const std::string host = "https://127.0.0.1";
    options.url.replace(options.url.find(host), host.size(), "https://localhost");
    options.url += "&style=virtual";
  }
  options.access_key = keys.substr(0, keys.find(' '));
  options.secret_key = keys.substr(keys.find(' ') + 1);
  return options;
}

std::shared_ptr<ObjectStore> make() { return open_s3(test_options()).value(); }
std::shared_ptr<ObjectStore> make_virtual() {
  return open_s3(test_options(Style::virtual_host)).value();
}

INSTANTIATE_TEST_SUITE_P(S3, ObjectsContract,
                         testing::Values(ObjectsFactory{"s3", make, false},
                                         ObjectsFactory{"s3_virtual_host", make_virtual, false}));

base::Deadline soon() { return base::after(std::chrono::minutes(2)); }

// The example of AWS's documentation, "Example: GET Object".
TEST(S3Sign, PublishedExample_IsMet) {
  const S3Keys keys{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
  const base::TimePoint then{seconds(1369353600)};  // 2013-05-24
  ToSign request;
  request.method = "GET";
  request.host = "examplebucket.s3.amazonaws.com";
  request.path = "/test.txt";
  request.headers = {{"range", "bytes=0-9"}};
  request.payload_sha256 = base::sha256_hex("");
  const auto headers = signed_headers(request, keys, "us-east-1", then);
  EXPECT_EQ(headers.back().second,
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");

  request.headers.clear();
  EXPECT_EQ(signed_query(request, keys, "us-east-1", then, seconds(86400)),
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2F"
            "us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&"
            "X-Amz-SignedHeaders=host&X-Amz-Signature="
            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

TEST(S3Address, Styles_AndDefaults) {
  const auto scaleway = parse_s3_address("s3://my-bucket");
  ASSERT_TRUE(scaleway) << scaleway.error().message;
  EXPECT_EQ(scaleway->origin(), "https://my-bucket.s3.fr-par.scw.cloud");
  EXPECT_EQ(scaleway->host(), "my-bucket.s3.fr-par.scw.cloud");
  EXPECT_EQ(scaleway->path("a/b c"), "/a/b%20c");
  const auto amsterdam = parse_s3_address("s3://b/x/y?region=nl-ams&style=path");
  ASSERT_TRUE(amsterdam);
  EXPECT_EQ(amsterdam->origin(), "https://s3.nl-ams.scw.cloud");
  EXPECT_EQ(amsterdam->path("k"), "/b/x/y/k");
  const auto here = parse_s3_address("s3://b?endpoint=http://127.0.0.1:9000/");
  ASSERT_TRUE(here);
  EXPECT_TRUE(here->path_style);
  EXPECT_EQ(here->host(), "127.0.0.1:9000");
  EXPECT_EQ(here->path(""), "/b");
}

TEST(S3Address, WhatIsNone_OrGoesUnprotected_IsUsage) {
  for (const char* url :
       {"", "https://b", "s3://", "s3://b?endpoint=http://s3.example", "s3://b?style=other",
        "s3://b?colour=red", "s3://b?endpoint=https://h/x"}) {
    const auto address = parse_s3_address(url);
    ASSERT_FALSE(address) << url;
    EXPECT_EQ(address.error().code, ErrorCode::usage) << url;
  }
}

TEST(S3Xml, WhatIsNone_IsStorage) {
  for (const char* xml : {"", "<", "{}", "<Other/>", "<ListBucketResult"}) {
    EXPECT_EQ(parse_s3_page(xml, "").error().code, ErrorCode::storage) << xml;
    EXPECT_EQ(parse_upload_id(xml).error().code, ErrorCode::storage) << xml;
    EXPECT_EQ(s3_error_code(xml), "") << xml;
  }
}

TEST(S3, WrongKeys_AreStorageAndToldByTheirCode) {
  S3Options options = test_options();
  options.secret_key += "x";
  const auto store = open_s3(options).value();
  const auto put = await(store->put("a", "x", soon()));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code, ErrorCode::storage);
  EXPECT_NE(put.error().message.find("SignatureDoesNotMatch"), std::string::npos)
      << put.error().message;
}

TEST(S3, AnotherCertificate_IsRefused) {
  S3Options options = test_options();
  const std::size_t ca = options.url.find("&ca=");
  options.url = options.url.substr(0, ca);
  const auto store = open_s3(options).value();
  const auto put = await(store->put("a", "x", base::after(seconds(20))));
  ASSERT_FALSE(put);
  EXPECT_NE(put.error().message.find("certificate"), std::string::npos) << put.error().message;
}

// Above 64 MiB an object goes in parts; what is read is what was written, at the seams as well.
TEST(S3, LargeObject_IsWholeAndItsUploadIsOver) {
  constexpr std::size_t kPiece = 1 << 20;
  constexpr int kPieces = 70;
  const auto store = make();
  auto writer = await(store->create("large", soon())).value();
  for (int i = 0; i < kPieces; ++i) {
    ASSERT_TRUE(
        await(writer->append(std::string(kPiece, static_cast<char>('a' + i % 26)), soon())));
  }
  ASSERT_TRUE(await(writer->commit(soon())));
  EXPECT_EQ(await(store->stat("large", soon()))->size, static_cast<std::int64_t>(kPiece) * kPieces);
  for (const int i : {0, 62, 63, 64, 69}) {
    const auto at = static_cast<std::int64_t>(kPiece) * i;
    EXPECT_EQ(await(store->read("large", at, 3, soon())).value(),
              std::string(3, static_cast<char>('a' + i % 26)))
        << i;
  }
  auto second = await(store->create("large", soon())).value();
  for (int i = 0; i < 65; ++i) ASSERT_TRUE(await(second->append(std::string(kPiece, 'x'), soon())));
  EXPECT_EQ(await(second->commit(soon())).error().code, ErrorCode::conflict);
}

TEST(S3, WriterOfAnUpload_MayBeDestroyedAfterItsStore) {
  auto store = make();
  const auto writer = await(store->create("large", soon())).value();
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 65; ++i) ASSERT_TRUE(await(writer->append(piece, soon())));
  store.reset();
}

TEST(S3, Link_IsGoodForAnybodyUnderItsName) {
  const auto store = make();
  ASSERT_TRUE(await(store->put("artifacts/x/p\xc3\xa9.csv", "a,b\n", soon())));
  const auto link =
      store->link("artifacts/x/p\xc3\xa9.csv", "p\xc3\xa9.csv", "text/csv", seconds(60));
  ASSERT_TRUE(link);
  const auto address = parse_s3_address(test_options().url).value();
  net::HttpClient client({.ca = address.ca});
  net::Outgoing request;
  request.url = *link;
  const auto answered = await(client.send(std::move(request), soon()));
  const auto& response = std::get<net::Response>(answered);
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.body, "a,b\n");
  net::Outgoing other;
  other.url = link->substr(0, link->size() - 1) + (link->ends_with('0') ? "1" : "0");
  const auto refused = await(client.send(std::move(other), soon()));
  EXPECT_EQ(std::get<net::Response>(refused).status, 403);
}

// Follows grants as a machine does that has no key.
class S3Grant : public testing::Test {
 protected:
  int status(const std::string& method, const Grant& grant, const std::string& body = "") {
    net::Outgoing request;
    request.method = method;
    request.url = grant.url;
    for (const auto& header : grant.headers) {
      if (header.first != "content-length") request.headers.push_back(header);
    }
    request.body = body;
    const auto answered = await(client_.send(std::move(request), soon()));
    const auto* response = std::get_if<net::Response>(&answered);
    if (response == nullptr) {
      said_ = std::get<net::NoAnswer>(answered).error.message;
      return 0;
    }
    said_ = response->body;
    return response->status;
  }
  Grant to_put(const std::string& key, const std::string& bytes, seconds life = seconds(60)) {
    const ObjectInfo object{static_cast<std::int64_t>(bytes.size()), base::sha256_hex(bytes)};
    return store_->grant_put(key, object, life).value();
  }
  bool is_there(const std::string& key) { return await(store_->stat(key, soon())).has_value(); }

  std::shared_ptr<ObjectStore> store_ = make();
  net::HttpClient client_{{.ca = parse_s3_address(test_options().url)->ca}};
  std::string said_;
};

TEST_F(S3Grant, ToPut_MakesTheObjectOnceAndToldWithItsDigest) {
  const std::string bytes(100'000, 'b');
  const Grant grant = to_put("artifacts/x/large.bin", bytes);
  EXPECT_EQ(status("PUT", grant, bytes), 200) << said_;
  const auto info = await(store_->stat("artifacts/x/large.bin", soon())).value();
  EXPECT_EQ(info.size, 100'000);
  EXPECT_EQ(info.sha256, base::sha256_hex(bytes));
  EXPECT_EQ(await(store_->get("artifacts/x/large.bin", 1 << 20, soon())).value(), bytes);
  // Refused with a body of one packet: with more, the server may close before its answer is read.
  const std::string few(1000, 'b');
  const Grant small = to_put("artifacts/x/small.bin", few);
  EXPECT_EQ(status("PUT", small, few), 200) << said_;
  EXPECT_EQ(status("PUT", small, few), 412) << "used again: " << said_;
}

TEST_F(S3Grant, ToPut_TakesNoOtherBytes) {
  const std::string bytes(1000, 'b');
  const Grant grant = to_put("a", bytes);
  EXPECT_EQ(status("PUT", grant, bytes + "b"), 403) << "larger: " << said_;
  EXPECT_EQ(status("PUT", grant, std::string(999, 'b')), 403) << "smaller: " << said_;
  EXPECT_EQ(status("PUT", grant, std::string(1000, 'c')), 400) << "others: " << said_;
  EXPECT_FALSE(is_there("a"));
}

TEST_F(S3Grant, IsForOneKeyAndOneMethod) {
  const std::string bytes(1000, 'b');
  Grant other = to_put("a", bytes);
  other.url.replace(other.url.find("/a?"), 3, "/c?");
  EXPECT_EQ(status("PUT", other, bytes), 403) << said_;
  EXPECT_FALSE(is_there("c"));
  Grant changed = to_put("a", bytes);
  std::erase_if(changed.headers, [](const auto& one) { return one.first == "if-none-match"; });
  EXPECT_EQ(status("PUT", changed, bytes), 403) << "without a header: " << said_;
  EXPECT_FALSE(is_there("a"));
  ASSERT_TRUE(await(store_->put("b", "kept", soon())));
  const Grant to_get = store_->grant_get("b", seconds(60)).value();
  EXPECT_EQ(status("GET", to_get), 200);
  EXPECT_EQ(said_, "kept");
  EXPECT_EQ(status("PUT", to_get, "new"), 403) << said_;
  EXPECT_EQ(status("DELETE", to_get), 403) << said_;
}

TEST_F(S3Grant, IsOverSoon) {
  ASSERT_TRUE(await(store_->put("b", "kept", soon())));
  const std::string bytes(1000, 'b');
  const Grant to_write = to_put("a", bytes, seconds(1));
  const Grant to_get = store_->grant_get("b", seconds(1)).value();
  const base::Deadline deadline = base::after(seconds(30));
  while (status("GET", to_get) == 200 && std::chrono::steady_clock::now() < deadline) {
  }
  EXPECT_EQ(status("GET", to_get), 403) << said_;
  EXPECT_EQ(status("PUT", to_write, bytes), 403) << said_;
  EXPECT_FALSE(is_there("a"));
}

TEST(S3, GrantsBeginWithThePublicAddress_AndWithNoneThereAreNone) {
  S3Options options = test_options();
  options.url += "&public=https://objects.example.org";
  const ObjectInfo object{10, std::string(64, 'a')};
  const auto store = open_s3(options).value();
  EXPECT_TRUE(store->grant_put("a", object, seconds(60))
                  ->url.starts_with("https://objects.example.org/mecapy/test-"));
  EXPECT_TRUE(store->grant_get("a", seconds(60))->url.starts_with("https://objects.example.org/"));
  const ObjectInfo huge{std::int64_t{6} << 30, std::string(64, 'a')};
  EXPECT_FALSE(store->grant_put("a", huge, seconds(60)));
  S3Options inside = test_options();
  inside.url += "&public=none";
  EXPECT_FALSE(open_s3(inside).value()->grant_put("a", object, seconds(60)));
  EXPECT_FALSE(open_s3(inside).value()->grant_get("a", seconds(60)));
  S3Options open = test_options();
  open.url += "&public=http://objects.example.org";
  EXPECT_EQ(open_s3(open).error().code, ErrorCode::usage) << "without TLS";
}

}  // namespace
}  // namespace mecapy::objects
