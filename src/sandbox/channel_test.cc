#include "sandbox/channel.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace mecapy::sandbox {
namespace {

std::string frame(char type, const std::string& payload) {
  std::string bytes(1, type);
  for (int shift = 0; shift < 32; shift += 8) {
    bytes += static_cast<char>((payload.size() >> shift) & 0xff);
  }
  return bytes + payload;
}

model::Limits small() {
  model::Limits limits;
  limits.result_mb = 0.001;  // 1049 bytes
  limits.artifacts_mb = 0.001;
  return limits;
}

std::string whole_stream() {
  return frame('P', R"({"fraction":0.5,"message":"half"})") +
         frame('A', R"({"name":"a/b.txt","size":3})") + frame('D', "xy") + frame('D', "z") +
         frame('E', "") + frame('P', R"({"fraction":null,"message":""})") + frame('R', "[1,2]");
}

// The parser's complaint about `bytes`, fed at once; "" when there is none.
std::string complaint(const std::string& bytes, const model::Limits& limits = small()) {
  FrameParser parser(limits);
  std::vector<Frame> frames;
  const auto fed = parser.feed(bytes, frames);
  return fed.has_error() ? fed.error().message : "";
}

ErrorCode code_of(const std::string& bytes) {
  FrameParser parser(small());
  std::vector<Frame> frames;
  const auto fed = parser.feed(bytes, frames);
  return fed.has_error() ? fed.error().code : ErrorCode::internal;
}

TEST(FrameParser, SplitAtEveryByte_GivesTheSameFrames) {
  const std::string stream = whole_stream();
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    FrameParser parser(small());
    std::vector<Frame> frames;
    ASSERT_TRUE(parser.feed(stream.substr(0, cut), frames).has_value());
    ASSERT_TRUE(parser.feed(stream.substr(cut), frames).has_value());
    ASSERT_EQ(frames.size(), 7U) << cut;
    EXPECT_EQ(frames[6].type, Frame::Type::result);
    EXPECT_EQ(frames[6].payload, "[1,2]");
    EXPECT_TRUE(parser.ended());
    EXPECT_TRUE(parser.at_boundary());
  }
}

TEST(FrameParser, OneByteAtATime_GivesTheSameFrames) {
  FrameParser parser(small());
  std::vector<Frame> frames;
  for (const char byte : whole_stream()) {
    ASSERT_TRUE(parser.feed({&byte, 1}, frames).has_value());
  }
  EXPECT_EQ(frames.size(), 7U);
}

TEST(FrameParser, PartialFrame_IsNotAtABoundary) {
  FrameParser parser(small());
  std::vector<Frame> frames;
  ASSERT_TRUE(parser.feed(frame('R', "[1,2]").substr(0, 7), frames).has_value());
  EXPECT_TRUE(frames.empty());
  EXPECT_FALSE(parser.at_boundary());
  EXPECT_FALSE(parser.ended());
}

TEST(FrameParser, ResultOverItsLimit_IsRefusedAtItsHeader) {
  const std::string header = frame('R', std::string(2000, ' ')).substr(0, 5);
  EXPECT_EQ(complaint(header), "result too large: 2000 bytes of at most 0.001 MiB");
  EXPECT_EQ(code_of(header), ErrorCode::too_large);
}

TEST(FrameParser, FramesLargerThanTheirType_AreRefused) {
  EXPECT_NE(complaint(frame('P', std::string(5000, ' '))), "");
  EXPECT_NE(complaint(frame('A', std::string(2000, ' '))), "");
  EXPECT_NE(complaint(std::string("D\x01\x00\x04\x00", 5)), "");  // 256 KiB and one byte
  EXPECT_NE(complaint(frame('E', "x")), "");
  EXPECT_NE(complaint(std::string("F\xff\xff\xff\xff", 5)), "");
}

TEST(FrameParser, UnknownType_IsRefusedAtItsFirstByte) {
  EXPECT_NE(complaint("Z"), "");
  EXPECT_EQ(code_of("Z"), ErrorCode::invalid_request);
}

TEST(FrameParser, ArtifactFramesOutOfOrder_AreRefused) {
  const std::string begin = frame('A', R"({"name":"a","size":2})");
  EXPECT_NE(complaint(frame('D', "x")), "");
  EXPECT_NE(complaint(frame('E', "")), "");
  EXPECT_NE(complaint(begin + begin), "");
  EXPECT_NE(complaint(begin + frame('D', "xyz")), "");
  EXPECT_NE(complaint(begin + frame('D', "x") + frame('E', "")), "");
  EXPECT_NE(complaint(begin + frame('R', "1")), "");
}

TEST(FrameParser, FailureMayCutAnArtifact) {
  EXPECT_EQ(complaint(frame('A', R"({"name":"a","size":2})") + frame('F', "{}")), "");
}

TEST(FrameParser, BadArtifacts_AreRefused) {
  for (const char* name : {"../x", "/x", "", ".x", "a/.b", "a//b", "a\\nb", "a\\u202eb"}) {
    EXPECT_NE(complaint(frame('A', R"({"name":")" + std::string(name) + R"(","size":1})")), "")
        << name;
  }
  EXPECT_NE(complaint(frame('A', R"({"name":"a","size":-1})")), "");
  EXPECT_NE(complaint(frame('A', R"({"name":"a"})")), "");
  EXPECT_NE(complaint(frame('A', "[]")), "");
}

TEST(FrameParser, ArtifactBytesWithoutBytes_AreRefused) {
  const std::string begin = frame('A', R"({"name":"a","size":1})");
  EXPECT_EQ(complaint(begin + frame('D', "x")), "");
  EXPECT_NE(complaint(begin + frame('D', "")), "");
}

TEST(FrameParser, ArtifactsOverTheLimitTogether_AreRefused) {
  const std::string one =
      frame('A', R"({"name":"a","size":600})") + frame('D', std::string(600, 'x')) + frame('E', "");
  const std::string other = frame('A', R"({"name":"b","size":600})");
  EXPECT_EQ(complaint(one), "");
  EXPECT_EQ(complaint(one + other), "artifacts too large: more than 0.001 MiB");
  EXPECT_EQ(code_of(one + other), ErrorCode::too_large);
  std::string many;
  for (int i = 0; i < 257; ++i) {
    many += frame('A', R"({"name":"a)" + std::to_string(i) + R"(","size":0})") + frame('E', "");
  }
  EXPECT_EQ(code_of(many), ErrorCode::too_large);
}

TEST(FrameParser, TwoArtifactsThatCannotBothBeKept_AreRefused) {
  const auto named = [](const std::string& name) {
    return frame('A', R"({"name":")" + name + R"(","size":0})") + frame('E', "");
  };
  EXPECT_EQ(complaint(named("a") + named("b/a") + named("ab")), "");
  for (const char* second : {"a", "a/b", "\\u0061"}) {
    EXPECT_EQ(code_of(named("a") + named(second)), ErrorCode::invalid_request) << second;
  }
  EXPECT_EQ(code_of(named("a/b") + named("a")), ErrorCode::invalid_request);
}

TEST(FrameParser, AnArtifactsNameIsHandedOverDecoded) {
  FrameParser parser(model::Limits{});
  std::vector<Frame> frames;
  ASSERT_TRUE(parser.feed(frame('A', R"({"name":"\u0061.png","size":0})"), frames));
  EXPECT_EQ(frames.at(0).payload, "a.png");
}

TEST(FrameParser, BadProgress_IsRefused) {
  EXPECT_NE(complaint(frame('P', R"({"fraction":2,"message":""})")), "");
  EXPECT_NE(complaint(frame('P', R"({"fraction":0.5})")), "");
  EXPECT_NE(complaint(frame('P', R"({"fraction":0,"message":")" + std::string(201, 'x') + "\"}")),
            "");
  EXPECT_NE(complaint(frame('P', "1")), "");
}

TEST(FrameParser, AfterTheEnd_NothingIsAccepted) {
  EXPECT_NE(complaint(frame('R', "1") + frame('R', "2")), "");
  EXPECT_NE(complaint(frame('R', "1") + "P"), "");
  EXPECT_NE(complaint(frame('F', "{}") + frame('R', "1")), "");
}

TEST(FrameParser, AfterAnError_NothingIsAccepted) {
  FrameParser parser(small());
  std::vector<Frame> frames;
  EXPECT_TRUE(parser.feed("Z", frames).has_error());
  EXPECT_TRUE(parser.feed(frame('R', "1"), frames).has_error());
  EXPECT_TRUE(frames.empty());
  EXPECT_FALSE(parser.ended());
}

TEST(Job, HeaderSaysTheSizesOfWhatFollows) {
  const std::string job = encode_job(JobKind::calculate, "code", "{}", small(), "[1]");
  const std::size_t size =
      static_cast<unsigned char>(job[0]) + 256U * static_cast<unsigned char>(job[1]);
  const auto header = boost::json::parse(job.substr(4, size));
  EXPECT_EQ(header.at("kind").as_string(), "calculate");
  EXPECT_EQ(header.at("code_bytes").as_int64(), 4);
  EXPECT_EQ(header.at("result_bytes").as_int64(), 1049);
  EXPECT_EQ(header.at("checkpoint_bytes").as_int64(), 3);
  EXPECT_EQ(header.at("most_checkpoint_bytes").as_int64(), 64 << 20);
  EXPECT_EQ(job.substr(4 + size), "code{}[1]");
}

TEST(CheckJson, TakesOneWholeValueOfBoundedDepth) {
  EXPECT_TRUE(check_json(R"({"a":[1,2.5,"x",null,true]})").has_value());
  EXPECT_TRUE(check_json(std::string(500, '[') + std::string(500, ']')).has_value());
  EXPECT_TRUE(check_json("1" + std::string(400, '0')).has_value());
  for (const std::string& bad :
       {std::string(""), std::string("{"), std::string("1 2"), std::string("NaN"),
        std::string("\"\xff\""), std::string(600, '[') + std::string(600, ']')}) {
    EXPECT_TRUE(check_json(bad).has_error()) << bad;
  }
}

std::string checkpoint(const std::string& bytes, const std::string& size) {
  return frame('C', R"({"size":)" + size + "}") + (bytes.empty() ? "" : frame('K', bytes)) +
         frame('S', "");
}

TEST(FrameParser, ACheckpointMayComeAnywhereAndBeCutOff) {
  EXPECT_EQ(complaint(checkpoint("xyz", "3") + checkpoint("a", "1")), "");
  EXPECT_EQ(complaint(frame('C', R"({"size":2})") + frame('A', R"({"name":"a","size":1})") +
                      frame('K', "x") + frame('D', "y") + frame('K', "z") + frame('E', "") +
                      frame('S', "") + frame('R', "1")),
            "");
  EXPECT_EQ(complaint(frame('C', R"({"size":2})") + frame('K', "x") + frame('R', "1")), "");
}

TEST(FrameParser, ACheckpointThatIsNoneEndsTheStream) {
  model::Limits limits = small();
  limits.checkpoint_mb = 0.001;
  for (const std::string& bad :
       {frame('C', ""), frame('C', "[]"), frame('C', "{}"), checkpoint("", "0"),
        checkpoint("", "-1"), checkpoint("", R"("1")"), checkpoint("", "1e3"), checkpoint("x", "2"),
        checkpoint("xyz", "2"), frame('K', "x"), frame('S', ""),
        frame('C', R"({"size":2})") + frame('K', ""),
        frame('C', R"({"size":2})") + frame('C', R"({"size":2})"), frame('S', "x"),
        frame('C', R"({"size":600000})") + frame('K', std::string(256 * 1024 + 1, 'x'))}) {
    EXPECT_NE(complaint(bad, limits), "") << bad.substr(0, 80);
  }
  EXPECT_EQ(complaint(checkpoint("", "1050"), limits), "checkpoint too large: more than 0.001 MiB");
  limits.checkpoint_mb = 0;
  EXPECT_NE(complaint(checkpoint("x", "1"), limits), "");
}

TEST(FrameParser, OnlyANameOrNothingIsImported) {
  for (const char* good : {"", "pandas", "_a9"}) EXPECT_EQ(complaint(frame('I', good)), "") << good;
  for (const std::string bad : {"a.b", "a b", "\xc3\xa9", "a\n"}) {
    EXPECT_NE(complaint(frame('I', bad)), "") << bad;
  }
  EXPECT_EQ(complaint(frame('I', std::string(64, 'a'))), "");
  EXPECT_NE(complaint(frame('I', std::string(65, 'a'))), "");
}

}  // namespace
}  // namespace mecapy::sandbox
