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

}  // namespace
}  // namespace mecapy::objects
