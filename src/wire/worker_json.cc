#include "wire/worker_json.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <cctype>
#include <map>

#include "model/bounds.h"
#include "wire/base64.h"
#include "wire/json.h"
#include "wire/run_parts.h"
#include "wire/schema.h"

namespace mecapy::wire {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMostCheckpoints = 1'000'000'000;  // of an attempt
// Bytes: more than a sandbox lets through, whose bounds are its own.
constexpr std::size_t kMostMessage = 16 * 1024;
constexpr std::size_t kMostTraceback = 128 * 1024;
constexpr std::size_t kMostLook = 512 * 1024;

bool is_plain_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-';
  });
}

// As a run's id; the attempt may stand behind it, as in the names of objects.
bool is_task_id(std::string_view id) {
  std::string plain(id);
  std::ranges::replace(plain, '.', '-');
  return is_plain_id(plain) && !id.starts_with('.');
}

Error wrong_field(std::string pointer, std::string detail) {
  return Error{ErrorCode::invalid_fields,
               "some fields are wrong",
               {{std::move(pointer), std::move(detail), {}, {}}}};
}

std::string usage_json(const model::Usage& usage) {
  ObjectWriter out;
  for (const model::UsageRow& row : model::kUsageTable) out.integer(row.name, usage.*row.field);
  return std::move(out).finish();
}

std::string error_json(const model::Failure& failure) {
  ObjectWriter out;
  out.text("code", model::row(failure.code).name).text("message", failure.message);
  if (!failure.traceback.empty()) out.text("traceback", failure.traceback);
  if (failure.line) out.integer("line", *failure.line);
  if (failure.column) out.integer("column", *failure.column);
  return std::move(out).finish();
}

std::string artifacts_json(const std::vector<model::Artifact>& artifacts) {
  std::vector<std::string> items;
  for (const model::Artifact& a : artifacts) {
    items.push_back(std::move(ObjectWriter()
                                  .text("name", a.name)
                                  .integer("size", a.size)
                                  .text("content_type", a.content_type)
                                  .text("sha256", a.sha256)
                                  .text("key", a.key))
                        .finish());
  }
  return array_of(items);
}

// Typed access to a parsed object; absent or wrongly typed members give the neutral value.
class Object {
 public:
  explicit Object(const json::value& value) : object_(value.if_object()) {}
  const json::value* find(std::string_view name) const {
    return object_ == nullptr ? nullptr : object_->if_contains(name);
  }
  std::string text(std::string_view name) const {
    const json::value* v = find(name);
    return v != nullptr && v->is_string() ? std::string(v->get_string()) : std::string();
  }
  std::int64_t integer(std::string_view name, std::int64_t otherwise = 0) const {
    const json::value* v = find(name);
    return v != nullptr && v->is_int64() ? v->get_int64() : otherwise;
  }
  std::optional<int> maybe_int(std::string_view name) const {
    const json::value* v = find(name);
    if (v == nullptr || !v->is_int64()) return std::nullopt;
    return static_cast<int>(v->get_int64());
  }

 private:
  const json::object* object_;
};

json::value parse(std::string_view raw) {
  json::error_code ec;
  json::value value = json::parse(raw, ec);
  return ec ? json::value() : value;
}

Result<model::Failure> read_failure(std::string_view raw) {
  const json::value value = parse(raw);
  const Object error(value);
  const auto code = model::parse_outcome(error.text("code"));
  if (!code) return fail(ErrorCode::invalid_request, "the worker named an unknown outcome");
  model::Failure failure{*code, error.text("message"), error.text("traceback"),
                         error.maybe_int("line"), error.maybe_int("column")};
  if (failure.message.size() > kMostMessage || failure.traceback.size() > kMostTraceback) {
    return fail(ErrorCode::too_large, "the worker sent a failure that is too long");
  }
  return failure;
}

bool is_progress(std::string_view raw) {
  if (raw.size() > model::kMostProgress) return false;
  const json::value value = parse(raw);
  const Object progress(value);
  const json::value* fraction = progress.find("fraction");
  const json::value* message = progress.find("message");
  if (fraction == nullptr || message == nullptr || !message->is_string()) return false;
  if (message->as_string().size() > model::kMostProgressMessage) return false;
  if (fraction->is_null()) return true;
  if (!fraction->is_number()) return false;
  const double part = fraction->to_number<double>();
  return part >= 0 && part <= 1;
}

bool is_environment(std::string_view name) {
  return name.size() <= 64 && std::ranges::all_of(name, [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-';
         });
}

bool is_media_type(std::string_view type) {
  return type.size() <= 128 && std::ranges::all_of(type, [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                  std::string_view("/.+-").find(c) != std::string_view::npos;
         });
}

bool is_sha256(std::string_view hex) {
  return hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<std::vector<model::Artifact>> read_artifacts(std::string_view raw) {
  const json::value value = parse(raw);
  std::vector<model::Artifact> out;
  if (!value.is_array()) return out;
  for (const json::value& item : value.get_array()) {
    const Object a(item);
    model::Artifact artifact{a.text("name"), a.integer("size"), a.text("content_type"),
                             a.text("sha256"), a.text("key")};
    if (!model::is_artifact_name(artifact.name) || artifact.size < 0 ||
        !is_media_type(artifact.content_type) || !is_sha256(artifact.sha256)) {
      return fail(ErrorCode::invalid_request, "the worker sent a bad artifact");
    }
    out.push_back(std::move(artifact));
  }
  return out;
}

Result<model::Checkpoint> read_checkpoint(std::string_view line) {
  const json::value value = parse(line);
  const Object told(value);
  model::Checkpoint checkpoint;
  checkpoint.number = told.integer("number");
  checkpoint.size = told.integer("bytes");
  checkpoint.sha256 = told.text("sha256");
  if (checkpoint.number < 1 || checkpoint.number > kMostCheckpoints || checkpoint.size < 1 ||
      !is_sha256(checkpoint.sha256)) {
    return fail(ErrorCode::invalid_request, "the worker sent a bad checkpoint");
  }
  return checkpoint;
}

std::optional<std::string> read_fact(const json::value& value) {
  const json::string* text = value.if_string();
  if (text == nullptr || text->empty() || text->size() > model::kLongestFact) return std::nullopt;
  return std::string(*text);
}

std::optional<model::InputFact> read_input_fact(const json::value& value) {
  const Object object(value);
  const json::value* name = object.find("name");
  const json::value* required = object.find("required");
  if (name == nullptr || required == nullptr || !required->is_bool()) return std::nullopt;
  auto text = read_fact(*name);
  if (!text) return std::nullopt;
  return model::InputFact{std::move(*text), required->get_bool()};
}

// All of a list, or nothing.
template <class T>
std::optional<std::vector<T>> read_all(const json::value* value,
                                       std::optional<T> (*read)(const json::value&)) {
  const json::array* list = value == nullptr ? nullptr : value->if_array();
  if (list == nullptr || list->size() > model::kMostFacts) return std::nullopt;
  std::vector<T> all;
  for (const json::value& item : *list) {
    auto one = read(item);
    if (!one) return std::nullopt;
    all.push_back(std::move(*one));
  }
  return all;
}

using Raw = std::map<std::string, std::string_view, std::less<>>;

std::string text_of(const Raw& raw, std::string_view name) {
  const auto it = raw.find(name);
  if (it == raw.end()) return {};
  const json::value value = parse(it->second);
  return value.is_string() ? std::string(value.get_string()) : std::string();
}

Result<model::RunEnd> read_end(const Raw& raw) {
  model::RunEnd end;
  const auto status = model::parse_status(text_of(raw, "status"));
  if (!status || !model::is_end(*status)) {
    return fail(ErrorCode::invalid_request, "the worker sent no final status");
  }
  end.status = *status;
  if (const auto it = raw.find("result"); it != raw.end()) end.result.inline_bytes = it->second;
  end.result.key = text_of(raw, "result_key");
  if (*status == model::RunStatus::completed && end.result.inline_bytes.empty() &&
      end.result.key.empty()) {
    return fail(ErrorCode::invalid_request, "the worker reported success without a result");
  }
  end.log.inline_bytes = text_of(raw, "log");
  end.log.key = text_of(raw, "logs_key");
  end.environment = text_of(raw, "environment");
  if (!end.environment.empty() && !is_environment(end.environment)) {
    return fail(ErrorCode::invalid_request, "the worker named its environment oddly");
  }
  if (const auto it = raw.find("log_truncated"); it != raw.end())
    end.log_truncated = it->second == "true";
  if (const auto it = raw.find("error"); it != raw.end()) {
    auto failure = read_failure(it->second);
    if (!failure) return failure.error();
    end.failure = std::move(*failure);
  }
  if (*status == model::RunStatus::failed && !end.failure) {
    return fail(ErrorCode::invalid_request, "the worker reported a failure without a reason");
  }
  if (const auto it = raw.find("usage"); it != raw.end()) {
    const json::value value = parse(it->second);
    const Object usage(value);
    for (const model::UsageRow& row : model::kUsageTable) {
      const std::int64_t unknown = model::Usage{}.*row.field;
      end.usage.*row.field = std::max(unknown, usage.integer(row.name, unknown));
    }
  }
  if (const auto it = raw.find("artifacts"); it != raw.end()) {
    auto artifacts = read_artifacts(it->second);
    if (!artifacts) return artifacts.error();
    end.artifacts = std::move(*artifacts);
  }
  return end;
}

}  // namespace

std::string execute_json(const model::Job& job) {
  ObjectWriter out;
  out.text("task_id", job.task_id.str())
      .text("code", encode_base64(job.code))
      .text("inputs_s3_key", job.inputs.key)
      .text("user_id", job.user)
      .text("run_id", job.run_id.str())
      .integer("attempt", job.attempt)
      .raw("limits", limits_json(job.limits));
  if (!job.inputs.stored()) out.raw("inputs", job.inputs.inline_bytes);
  if (job.checkpoint) {
    out.raw("checkpoint", std::move(ObjectWriter()
                                        .integer("attempt", job.checkpoint->attempt)
                                        .integer("number", job.checkpoint->number)
                                        .integer("bytes", job.checkpoint->size)
                                        .text("sha256", job.checkpoint->sha256))
                              .finish());
  }
  return std::move(out).finish();
}

std::string seed_execute_json(const model::Job& job) {
  return std::move(ObjectWriter()
                       .text("task_id", model::object_stem(job.run_id.str(), job.attempt))
                       .text("code", encode_base64(job.code))
                       .text("inputs_s3_key", job.inputs.key)
                       .text("user_id", job.user))
      .finish();
}

Result<WorkerJob> read_worker_execute(std::string_view body, const model::Limits& ceilings) {
  const auto fields = read_fields(body, find_spec("WorkerExecute"));
  if (!fields) return fields.error();
  WorkerJob out;
  const std::string task_id = *fields->text("task_id");
  out.run_id = fields->text("run_id").value_or(task_id);
  out.inline_allowed = fields->has("run_id");
  if (!is_task_id(task_id)) {
    return wrong_field("/task_id", "must be letters, digits, '-' and '.', which is not the first");
  }
  if (fields->has("run_id") && !is_plain_id(out.run_id)) {
    return wrong_field("/run_id", "must be letters, digits and '-'");
  }
  auto code = decode_base64(*fields->text("code"));
  if (!code) return wrong_field("/code", "must be base64");
  const std::string entry = fields->text("entry").value_or("");
  if (!entry.empty() && entry != "calculate") {
    return wrong_field("/entry", "this worker runs calculate only");
  }
  const std::string environment = fields->text("environment").value_or("");
  if (!environment.empty() && environment != "default") {
    return wrong_field("/environment", "this worker has the environment \"default\" only");
  }
  out.job.code = std::move(*code);
  out.job.user = fields->text("user_id").value_or("");
  out.job.attempt = fields->integer("attempt").value_or(1);
  out.job.inputs.key = fields->text("inputs_s3_key").value_or("");
  if (out.job.inputs.stored() && !out.job.inputs.key.starts_with("inputs/")) {
    return wrong_field("/inputs_s3_key", "must be below inputs/");
  }
  if (const auto inputs = fields->raw("inputs")) out.job.inputs = {*inputs, ""};
  if (!out.job.inputs.stored() && out.job.inputs.inline_bytes.empty()) {
    return wrong_field("/inputs_s3_key", "inputs or inputs_s3_key is required");
  }
  if (const auto checkpoint = fields->nested("checkpoint")) {
    out.job.checkpoint = model::Checkpoint{*checkpoint->integer("attempt"),
                                           *checkpoint->integer("number"),
                                           *checkpoint->integer("bytes"),
                                           *checkpoint->text("sha256"),
                                           {}};
  }
  out.job.limits = fields->limits("limits", model::lower_to(model::Limits{}, ceilings));
  if (auto fit = model::check_limits(out.job.limits, ceilings); !fit) return fit.error();
  return out;
}

std::string check_json(std::string_view code) {
  return std::move(ObjectWriter().text("code", encode_base64(code))).finish();
}

Result<std::string> read_worker_check(std::string_view body) {
  const auto fields = read_fields(body, find_spec("WorkerCheck"));
  if (!fields) return fields.error();
  auto code = decode_base64(*fields->text("code"));
  if (!code) return wrong_field("/code", "must be base64");
  return std::move(*code);
}

model::CodeFacts read_facts(std::string_view result) {
  if (result.size() > kMostLook) return {};
  const json::value value = parse(result);
  const Object look(value);
  return {read_all<model::InputFact>(look.find("inputs"), read_input_fact),
          read_all<std::string>(look.find("results"), read_fact)};
}

std::string started_line() { return "{\"type\":\"started\"}\n"; }

std::string log_line(std::string_view text) {
  return std::move(ObjectWriter().text("type", "log").text("text", text)).finish() + "\n";
}

std::string progress_line(std::string_view progress_json) {
  return std::move(ObjectWriter().text("type", "progress").raw("progress", progress_json))
             .finish() +
         "\n";
}

std::string checkpoint_line(const model::Checkpoint& checkpoint) {
  return std::move(ObjectWriter()
                       .text("type", "checkpoint")
                       .integer("number", checkpoint.number)
                       .integer("bytes", checkpoint.size)
                       .text("sha256", checkpoint.sha256))
             .finish() +
         "\n";
}

std::string anew_line() { return "{\"type\":\"anew\"}\n"; }

std::string end_line(const model::RunEnd& end) {
  ObjectWriter out;
  out.text("type", "end").text("status", model::name(end.status));
  if (end.status == model::RunStatus::completed) {
    out.text("result_key", end.result.key);
    if (!end.result.stored()) out.raw("result", end.result.inline_bytes);
  }
  if (end.failure) out.raw("error", error_json(*end.failure));
  out.raw("usage", usage_json(end.usage))
      .raw("artifacts", artifacts_json(end.artifacts))
      .text("logs_key", end.log.key)
      .boolean("log_truncated", end.log_truncated);
  if (!end.environment.empty()) out.text("environment", end.environment);
  if (!end.log.stored()) out.text("log", end.log.inline_bytes);
  return std::move(out).finish() + "\n";
}

std::string read_health_environment(std::string_view body) {
  std::string name = Object(parse(body)).text("environment");
  return is_environment(name) ? name : "";
}

Result<WorkerLine> read_worker_line(std::string_view line) {
  // The result stands one level down.
  if (const auto valid = validate_json(line, kMaxDepth + 1); !valid) return valid.error();
  const auto members = object_members(line);
  if (!members) return members.error();
  Raw raw;
  for (const Member& member : *members) raw.emplace(member.key, member.raw);
  WorkerLine out;
  const std::string type = text_of(raw, "type");
  if (type == "started") {
    out.type = WorkerLine::Type::started;
  } else if (type == "log") {
    out.type = WorkerLine::Type::log;
    out.text = text_of(raw, "text");
  } else if (type == "progress" && raw.contains("progress")) {
    out.type = WorkerLine::Type::progress;
    out.text = raw.find("progress")->second;
    if (!is_progress(out.text)) {
      return fail(ErrorCode::invalid_request, "the worker sent a progress that is none");
    }
  } else if (type == "checkpoint") {
    out.type = WorkerLine::Type::checkpoint;
    auto checkpoint = read_checkpoint(line);
    if (!checkpoint) return checkpoint.error();
    out.checkpoint = std::move(*checkpoint);
  } else if (type == "anew") {
    out.type = WorkerLine::Type::anew;
  } else if (type == "end" || (type.empty() && raw.contains("status"))) {
    out.type = WorkerLine::Type::end;
    auto end = read_end(raw);
    if (!end) return end.error();
    out.end = std::move(*end);
  } else {
    return fail(ErrorCode::invalid_request, "the worker sent a line of unknown type");
  }
  return out;
}

}  // namespace mecapy::wire
