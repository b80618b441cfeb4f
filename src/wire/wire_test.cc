#include <gtest/gtest.h>

#include "wire/api_json.h"
#include "wire/base64.h"
#include "wire/json.h"
#include "wire/schema.h"
#include "wire/worker_json.h"

namespace mecapy::wire {
namespace {

TEST(Json, MembersCarryTheBytesTheyCameIn) {
  const std::string text =
      " { \"a\" : 0.1 , \"b\":1E-1,\"c\\u0041\": {\"x\":[1, \"}\\\"\"]} , \"d\":null}";
  ASSERT_TRUE(validate_json(text));
  const auto members = object_members(text);
  ASSERT_TRUE(members);
  ASSERT_EQ(members->size(), 4u);
  EXPECT_EQ((*members)[0].raw, "0.1");
  EXPECT_EQ((*members)[1].raw, "1E-1");
  EXPECT_EQ((*members)[2].key, "cA");
  EXPECT_EQ((*members)[2].raw, "{\"x\":[1, \"}\\\"\"]}");
  EXPECT_EQ((*members)[3].raw, "null");
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const std::string bad :
       {"", "{", "{\"a\":}", "{\"a\":1,}", "[1 2]", "NaN", "{'a':1}", "\"\xff\"", "{} {}", "01",
        "\"\t\"", "// x\n1", "[1,]", "nul", "\"\\ud800x", "1e"}) {
    const auto result = validate_json(bad);
    ASSERT_FALSE(result) << bad;
    EXPECT_EQ(result.error().code, ErrorCode::invalid_request) << bad;
  }
}

TEST(Json, TooDeepIsAnErrorOfItsOwn) {
  const std::string fits = std::string(kMaxDepth, '[') + std::string(kMaxDepth, ']');
  EXPECT_TRUE(validate_json(fits));
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  const auto result = validate_json(deep);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::too_deep);
}

TEST(Json, TooDeepPointsToTheOutermostMember) {
  const std::string deep(kMaxDepth, '[');
  const std::vector<std::pair<std::string, std::string>> cases = {
      {deep + "[", ""},
      {"{\"a\":1,\"b/~c\":" + deep, "/b~1~0c"},
      {"{\"a\":{\"x\":[]},\"in\":{\"y\":" + deep, "/in"},
      {"{\"" + std::string(5000, 'k') + "\":" + deep, "/" + std::string(200, 'k')},
      {"[{\"a\":" + deep, ""},
  };
  for (const auto& [text, pointer] : cases) {
    const auto result = validate_json(text);
    ASSERT_FALSE(result);
    ASSERT_EQ(result.error().problems.size(), 1u);
    EXPECT_EQ(result.error().problems[0].pointer, pointer);
  }
}

TEST(Json, TheSameKeyTwiceIsRefused) {
  EXPECT_FALSE(object_members(R"({"a":1,"a":2})"));
  EXPECT_FALSE(object_members(R"({"a":1,"\u0061":2})"));
}

TEST(Json, QuoteMakesValidJsonOfAnyBytes) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_TRUE(validate_json(quote(all)));
  EXPECT_EQ(quote("a\"\\\n\x01"), "\"a\\\"\\\\\\n\\u0001\"");
}

TEST(Json, NumbersAreTheShortestThatReadBack) {
  EXPECT_EQ(number_text(0.1), "0.1");
  EXPECT_EQ(number_text(600), "600");
}

TEST(Base64, RoundTripsAndRefusesRubbish) {
  for (const std::string& text : {std::string(), std::string("a"), std::string("ab"),
                                  std::string("abc"), std::string("\0\xff\x10", 3)}) {
    EXPECT_EQ(decode_base64(encode_base64(text)), text);
  }
  for (const char* bad : {"a", "====", "ab=c", "a b=", "abc\n", "ab\u00e9="}) {
    EXPECT_FALSE(decode_base64(bad)) << bad;
  }
}

std::vector<std::string> pointers(const Error& error) {
  std::vector<std::string> out;
  for (const FieldProblem& problem : error.problems) out.push_back(problem.pointer);
  return out;
}

TEST(Schema, AllProblemsAreToldAtOnceWithPointers) {
  const auto task =
      read_task(R"({"nam":"x","code":5,"inputs":[1],"limits":{"timout_s":3,"cpus":"2"},
      "tags":["a",""],"estimated_duration_s":-1})",
                TaskKind::kept, model::default_ceilings());
  ASSERT_FALSE(task);
  EXPECT_EQ(task.error().code, ErrorCode::invalid_fields);
  EXPECT_EQ(
      pointers(task.error()),
      (std::vector<std::string>{"/nam", "/code", "/inputs", "/limits/timout_s", "/limits/cpus",
                                "/tags/1", "/estimated_duration_s", "/name"}));
  EXPECT_NE(task.error().problems[0].detail.find("\"name\""), std::string::npos);
  EXPECT_NE(task.error().problems[3].detail.find("timeout_s"), std::string::npos);
}

TEST(Schema, DefaultsNobodyAskedForAreLoweredToTheCeilings) {
  model::Limits ceilings = model::default_ceilings();
  ceilings.timeout_s = 30;
  const auto task = read_task(R"({"name":"n","code":"c"})", TaskKind::kept, ceilings);
  ASSERT_TRUE(task);
  EXPECT_EQ(task->version.limits.timeout_s, 30);
  EXPECT_EQ(task->version.inputs, "{}");
}

TEST(Schema, ATaskIsShownWithTheInputsAsTheyCame) {
  auto task = read_task(R"({"name":"n","code":"c","inputs":{"y":1E-1, "x":0.1}})", TaskKind::kept,
                        model::default_ceilings());
  ASSERT_TRUE(task);
  EXPECT_NE(task_json(*task).find(R"("inputs":{"y":1E-1, "x":0.1})"), std::string::npos);
}

TEST(Schema, OpenApiSchemasAreValidJson) { EXPECT_TRUE(validate_json(openapi_schemas())); }

TEST(WorkerJson, TheSeedsExactPayloadIsRead) {
  const auto job = read_worker_execute(R"({"task_id":"0189-a","code":"cGFzcw==",
      "inputs_s3_key":"inputs/0189-a.json","user_id":"u"})",
                                       model::default_ceilings());
  ASSERT_TRUE(job);
  EXPECT_EQ(job->job.code, "pass");
  EXPECT_EQ(job->run_id, "0189-a");
  EXPECT_EQ(job->job.inputs.key, "inputs/0189-a.json");
  EXPECT_FALSE(job->inline_allowed);
}

// Who may have code run is not thereby shown results and logs of others.
TEST(WorkerJson, InputsAreReadBelowInputsOnly) {
  for (const char* key : {"results/a.json", "artifacts/a/b.txt", "inputs", "a/inputs/b.json"}) {
    const auto job = read_worker_execute(
        R"({"task_id":"a","code":"cGFzcw==","inputs_s3_key":")" + std::string(key) + R"("})",
        model::default_ceilings());
    ASSERT_FALSE(job) << key;
    EXPECT_EQ(job.error().problems.at(0).pointer, "/inputs_s3_key");
  }
}

TEST(WorkerJson, IdsThatCouldBePathsAreRefused) {
  const std::string rest = R"("code":"cGFzcw==","inputs":{}})";
  const auto read = [&](const std::string& ids) {
    return read_worker_execute("{" + ids + "," + rest, model::default_ceilings()).has_value();
  };
  for (const std::string id : {"../x", "a/b", "", ".", "..", ".a", "a\\\\b"}) {
    EXPECT_FALSE(read(R"("task_id":")" + id + '"')) << id;
    EXPECT_FALSE(read(R"("task_id":"a","run_id":")" + id + '"')) << id;
  }
  EXPECT_FALSE(read(R"("task_id":"a","run_id":"a.b")"));
  EXPECT_TRUE(read(R"("task_id":"a","run_id":"a-b")"));
}

TEST(WorkerJson, WhatASeedsWorkerIsSentIsReadByOurs_InEachAttempt) {
  model::Job job;
  job.run_id = model::RunId::make();
  job.code = "pass";
  job.inputs.key = "inputs/a.json";
  for (int attempt = 1; attempt <= 3; ++attempt) {
    job.attempt = attempt;
    const auto read = read_worker_execute(seed_execute_json(job), model::default_ceilings());
    ASSERT_TRUE(read) << attempt;
    EXPECT_EQ(read->run_id, model::object_stem(job.run_id.str(), attempt));
    EXPECT_FALSE(read->inline_allowed);
  }
}

TEST(WorkerJson, AnEndSurvivesTheWire) {
  model::RunEnd end;
  end.status = model::RunStatus::failed;
  end.failure = model::Failure{model::OutcomeCode::user_error, "bad \"x\"", "trace\nback", 3, 7};
  end.usage.wall_us = 12;
  end.usage.peak_memory_bytes = 1 << 20;
  end.log.inline_bytes = "hello\n";
  end.artifacts.push_back({"a/b.png", 5, "image/png", std::string(64, 'f'), "artifacts/r/a/b.png"});
  std::string line = end_line(end);
  line.pop_back();
  const auto read = read_worker_line(line);
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->type, WorkerLine::Type::end);
  EXPECT_EQ(read->end.failure->message, "bad \"x\"");
  EXPECT_EQ(read->end.failure->line, 3);
  EXPECT_EQ(read->end.usage.peak_memory_bytes, 1 << 20);
  EXPECT_EQ(read->end.log.inline_bytes, "hello\n");
  EXPECT_EQ(read->end.artifacts.at(0).key, "artifacts/r/a/b.png");
}

TEST(WorkerJson, WhatALookKnows_IsRead) {
  const model::CodeFacts facts =
      read_facts(R"({"imports":["math"],"inputs":[{"name":"é","required":true},)"
                 R"({"name":"b","required":false}],"results":["x","y"]})");
  ASSERT_TRUE(facts.inputs && facts.inputs->size() == 2);
  EXPECT_EQ(facts.inputs->at(0).name, "é");
  EXPECT_TRUE(facts.inputs->at(0).required);
  EXPECT_FALSE(facts.inputs->at(1).required);
  EXPECT_EQ(facts.results, (std::vector<std::string>{"x", "y"}));
  const model::CodeFacts none = read_facts(R"({"inputs":[],"results":[]})");
  EXPECT_TRUE(none.inputs && none.inputs->empty() && none.results && none.results->empty());
}

TEST(WorkerJson, ALookThatSaysNothingOrIsOdd_KnowsNothing) {
  const std::string long_name = '"' + std::string(model::kLongestFact + 1, 'a') + '"';
  std::string many = R"("a")";
  for (std::size_t i = 0; i < model::kMostFacts; ++i) many += R"(,"a")";
  const std::string deep = std::string(1000, '[') + std::string(1000, ']');
  for (const std::string& list :
       {std::string("1"), std::string("{}"), std::string("[1]"), std::string(R"([""])"),
        std::string(R"(["a",null])"), std::string("[{}]"), "[" + long_name + "]", "[" + many + "]",
        std::string(R"([{"name":"a"}])"), std::string(R"([{"name":"a","required":1}])"),
        std::string(R"([{"name":"","required":true}])"),
        R"([{"name":)" + long_name + R"(,"required":true}])", deep}) {
    const model::CodeFacts facts =
        read_facts(R"({"inputs":)" + list + R"(,"results":)" + list + "}");
    EXPECT_FALSE(facts.inputs) << list;
    EXPECT_FALSE(facts.results) << list;
  }
  // An older worker; one whose answer is none.
  for (const char* answer : {R"({"imports":["math"]})", "", "null", "[]", "{"}) {
    EXPECT_FALSE(read_facts(answer).inputs || read_facts(answer).results) << answer;
  }
  EXPECT_FALSE(read_facts(R"({"results":["a"],"x":")" + std::string(1 << 20, 'x') + "\"}").results);
  // What is known of one is known.
  EXPECT_TRUE(read_facts(R"({"inputs":[{}],"results":["a"]})").results);
}

TEST(WorkerJson, WhatNobodyCouldMeasure_IsNotTakenForNothing) {
  std::string line = end_line(model::failed_end(model::OutcomeCode::timeout, "too long"));
  line.pop_back();
  const auto read = read_worker_line(line);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->end.usage.written_bytes, -1);
  EXPECT_EQ(read->end.usage.wall_us, 0);
}

TEST(Patch, NullTakesAwayWhatMayBeAbsentAndNothingElse) {
  const auto patch = read_patch(R"({"estimated_duration_s": null, "description":null})",
                                model::default_ceilings());
  ASSERT_TRUE(patch);
  ASSERT_TRUE(patch->estimated_duration_s);
  EXPECT_FALSE(*patch->estimated_duration_s);
  EXPECT_EQ(patch->description, "");
  EXPECT_FALSE(patch->name);
  EXPECT_FALSE(read_patch("{}", model::default_ceilings())->estimated_duration_s);
  EXPECT_EQ(**read_patch(R"({"estimated_duration_s":2})", model::default_ceilings())
                  ->estimated_duration_s,
            2);
  const auto wrong = read_patch(R"({"name":null,"code":null,"tags":null,"inputs":null})",
                                model::default_ceilings());
  ASSERT_FALSE(wrong);
  EXPECT_EQ(pointers(wrong.error()),
            (std::vector<std::string>{"/name", "/code", "/tags", "/inputs"}));
}

TEST(Cancel, SaysNothing) {
  EXPECT_TRUE(read_cancel(""));
  EXPECT_TRUE(read_cancel(" {} "));
  EXPECT_EQ(pointers(read_cancel(R"({"force":true})").error()), std::vector<std::string>{"/force"});
  EXPECT_FALSE(read_cancel("[]"));
}

TEST(TaskSummary, IsTheTaskWithoutCodeAndInputs) {
  model::Task task;
  task.version.code = "SECRET";
  task.version.inputs = R"({"a":"SECRET"})";
  EXPECT_EQ(task_summary_json(task).find("SECRET"), std::string::npos);
  std::string whole = task_json(task);
  const std::string extra = R"("code":"SECRET","inputs":{"a":"SECRET"},)";
  whole.erase(whole.find(extra), extra.size());
  EXPECT_EQ(whole, task_summary_json(task));
}

TEST(WorkerJson, HalfTruthsOfAPeerAreRefused) {
  for (const char* line :
       {R"({"type":"end","status":"completed"})", R"({"type":"end","status":"failed"})",
        R"({"type":"end","status":"running"})", R"({"type":"other"})", R"([])", R"({"type":"end")",
        R"({"type":"end","status":"failed","error":{"code":"exit 137"}})",
        R"({"type":"end","status":"completed","result":1,"artifacts":[{"name":"../x"}]})"}) {
    EXPECT_FALSE(read_worker_line(line)) << line;
  }
}

TEST(Problem, HoldsWhatRfc9457AndWeAskFor) {
  const Error error{ErrorCode::invalid_code, "no", {{"/code", "bad", 2, 5}}};
  EXPECT_EQ(problem_json(error, 422, "r1"),
            R"({"type":"/docs/contract#invalid_code","title":"The code is not a calculation",)"
            R"("status":422,)"
            R"("code":"invalid_code","detail":"no","request_id":"r1",)"
            R"("errors":[{"pointer":"/code","detail":"bad","line":2,"column":5}]})");
}

}  // namespace
}  // namespace mecapy::wire
