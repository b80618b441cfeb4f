#include "sandbox/channel.h"

#include <array>
#include <boost/json.hpp>
#include <cmath>

#include "base/json.h"
#include "model/bounds.h"
#include "model/run.h"

namespace mecapy::sandbox {
namespace {

namespace json = boost::json;

constexpr std::size_t kFrameHeader = 5;  // type, length
constexpr std::int64_t kMaxArtifactBegin = 1024;
constexpr std::int64_t kMaxArtifactData = 256 * 1024;
constexpr std::int64_t kMaxFailure = 256 * 1024;
constexpr std::int64_t kMaxImporting = 64;
constexpr int kMaxArtifacts = 256;
constexpr std::size_t kMaxDepth = 512;  // the encoding's 100 levels at up to four brackets each

std::int64_t mebibytes(double mb) { return std::llround(mb * 1024 * 1024); }

std::uint32_t read_u32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i) {
    value = (value << 8) | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  }
  return value;
}

std::string u32(std::size_t value) {
  std::string bytes(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<char>((value >> (8 * i)) & 0xff);
  return bytes;
}

Error malformed(std::string what) {
  return fail(ErrorCode::invalid_request, "the run's channel is damaged: " + std::move(what));
}

std::string mib(double mb) {
  char text[48];
  std::snprintf(text, sizeof text, "%.6g MiB", mb);
  return text;
}

// The payload as an object, bounded by the frame's own length; nothing when it is something else.
std::optional<json::object> parse_object(std::string_view payload) {
  boost::system::error_code failed;
  json::value value = json::parse(json::string_view(payload.data(), payload.size()), failed);
  if (failed || !value.is_object()) return std::nullopt;
  return std::move(value.as_object());
}

// Or empty.
bool is_identifier(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// Takes the size of `payload` off what is left of `what`.
Result<void> take_bytes(std::string_view payload, std::int64_t& left, const std::string& what) {
  if (payload.empty()) return malformed(what + ": a piece without bytes");  // it would cost nothing
  if (static_cast<std::int64_t>(payload.size()) > left) {
    return malformed(what + " longer than it declared");
  }
  left -= static_cast<std::int64_t>(payload.size());
  return {};
}

bool is_progress(std::string_view payload) {
  const auto object = parse_object(payload);
  if (!object) return false;
  const json::value* fraction = object->if_contains("fraction");
  const json::value* message = object->if_contains("message");
  if (fraction == nullptr || message == nullptr || !message->is_string()) return false;
  if (message->as_string().size() > model::kMostProgressMessage) return false;
  if (fraction->is_null()) return true;
  if (!fraction->is_number()) return false;
  const double value = fraction->to_number<double>();
  return value >= 0 && value <= 1;
}

}  // namespace

std::string encode_job(JobKind kind, std::string_view code, std::string_view inputs,
                       const model::Limits& limits, std::string_view checkpoint) {
  const json::object header = {
      {"kind", kind == JobKind::calculate ? "calculate" : "check"},
      {"code_bytes", code.size()},
      {"inputs_bytes", inputs.size()},
      {"checkpoint_bytes", checkpoint.size()},
      {"result_bytes", mebibytes(limits.result_mb)},
      {"artifacts_bytes", mebibytes(limits.artifacts_mb)},
      {"most_checkpoint_bytes", mebibytes(limits.checkpoint_mb)},
      {"memory_mb", limits.memory_mb},
      {"disk_mb", limits.disk_mb},
      {"processes", limits.processes},
      {"cpus", limits.cpus},
  };
  const std::string text = json::serialize(header);
  std::string job = u32(text.size());
  job.reserve(job.size() + text.size() + code.size() + inputs.size() + checkpoint.size());
  job.append(text).append(code).append(inputs).append(checkpoint);
  return job;
}

FrameParser::FrameParser(const model::Limits& limits) : limits_(limits) {}

Result<void> FrameParser::check_length(char type, std::int64_t length) const {
  std::int64_t most = 0;
  switch (static_cast<Frame::Type>(type)) {
    case Frame::Type::progress:
      most = model::kMostProgress;
      break;
    case Frame::Type::importing:
      most = kMaxImporting;
      break;
    case Frame::Type::artifact_begin:
    case Frame::Type::checkpoint_begin:
      most = kMaxArtifactBegin;
      break;
    case Frame::Type::artifact_data:
    case Frame::Type::checkpoint_data:
      most = kMaxArtifactData;
      break;
    case Frame::Type::artifact_end:
    case Frame::Type::checkpoint_end:
      most = 0;
      break;
    case Frame::Type::failure:
      most = kMaxFailure;
      break;
    case Frame::Type::result:
      if (length > mebibytes(limits_.result_mb)) {
        return fail(ErrorCode::too_large, "result too large: " + std::to_string(length) +
                                              " bytes of at most " + mib(limits_.result_mb));
      }
      return {};
    default:
      return malformed("unknown frame type " + std::to_string(static_cast<int>(type)));
  }
  if (length > most) return malformed("a frame of " + std::to_string(length) + " bytes");
  return {};
}

Result<void> FrameParser::begin_artifact(std::string_view payload) {
  if (artifact_left_) return malformed("an artifact inside an artifact");
  const auto object = parse_object(payload);
  if (!object) return malformed("an artifact without a name");
  const json::value* name = object->if_contains("name");
  const json::value* size = object->if_contains("size");
  if (name == nullptr || size == nullptr || !name->is_string() || !size->is_int64() ||
      size->as_int64() < 0) {
    return malformed("an artifact without a name or a size");
  }
  const std::string text(name->as_string());
  if (!model::is_artifact_name(text)) return malformed("a bad artifact name");
  // A name twice, or as a file here and a folder there, cannot both be kept.
  for (const std::string& other : artifact_names_) {
    if (other == text || other.starts_with(text + "/") || text.starts_with(other + "/")) {
      return malformed("two artifacts of one name");
    }
  }
  artifact_names_.push_back(text);
  if (++artifacts_count_ > kMaxArtifacts) {
    return fail(ErrorCode::too_large,
                "artifacts: more than " + std::to_string(kMaxArtifacts) + " files");
  }
  const std::int64_t room = mebibytes(limits_.artifacts_mb) - artifacts_total_;
  if (size->as_int64() > room) {
    return fail(ErrorCode::too_large,
                "artifacts too large: more than " + mib(limits_.artifacts_mb));
  }
  artifacts_total_ += size->as_int64();
  artifact_left_ = size->as_int64();
  return {};
}

Result<void> FrameParser::artifact_bytes(std::string_view payload) {
  if (!artifact_left_) return malformed("artifact bytes outside an artifact");
  return take_bytes(payload, *artifact_left_, "an artifact");
}

Result<void> FrameParser::begin_checkpoint(std::string_view payload) {
  if (checkpoint_left_) return malformed("a checkpoint inside a checkpoint");
  const auto object = parse_object(payload);
  const json::value* size = object ? object->if_contains("size") : nullptr;
  if (size == nullptr || !size->is_int64() || size->as_int64() <= 0) {
    return malformed("a checkpoint without a size");
  }
  if (size->as_int64() > mebibytes(limits_.checkpoint_mb)) {
    return fail(ErrorCode::too_large,
                "checkpoint too large: more than " + mib(limits_.checkpoint_mb));
  }
  checkpoint_left_ = size->as_int64();
  return {};
}

Result<void> FrameParser::accept(Frame::Type type, std::string_view payload) {
  switch (type) {
    case Frame::Type::progress:
      if (!is_progress(payload)) return malformed("a progress frame that is none");
      return {};
    case Frame::Type::importing:
      if (!is_identifier(payload)) return malformed("an import of what is no package");
      return {};
    case Frame::Type::artifact_begin:
      return begin_artifact(payload);
    case Frame::Type::artifact_data:
      return artifact_bytes(payload);
    case Frame::Type::artifact_end:
      if (!artifact_left_) return malformed("the end of no artifact");
      if (*artifact_left_ != 0) return malformed("an artifact shorter than it declared");
      artifact_left_.reset();
      return {};
    case Frame::Type::checkpoint_begin:
      return begin_checkpoint(payload);
    case Frame::Type::checkpoint_data:
      if (!checkpoint_left_) return malformed("checkpoint bytes outside a checkpoint");
      return take_bytes(payload, *checkpoint_left_, "a checkpoint");
    case Frame::Type::checkpoint_end:
      if (!checkpoint_left_) return malformed("the end of no checkpoint");
      if (*checkpoint_left_ != 0) return malformed("a checkpoint shorter than it declared");
      checkpoint_left_.reset();
      return {};
    case Frame::Type::result:
    case Frame::Type::failure:
      if (artifact_left_ && type == Frame::Type::result) return malformed("an unfinished artifact");
      ended_ = true;
      return {};
  }
  return malformed("unknown frame type");
}

Result<void> FrameParser::feed(std::string_view bytes, std::vector<Frame>& out) {
  if (broken_) return malformed("bytes after an error");
  buffer_.append(bytes);
  std::size_t at = 0;
  Result<void> result;
  while (result.has_value() && buffer_.size() > at) {
    if (ended_) {
      result = malformed("bytes after the end");
      break;
    }
    const std::string_view rest = std::string_view(buffer_).substr(at);
    // The type is judged as soon as it is there, the length before a byte of the payload is kept.
    if (rest.size() < kFrameHeader) {
      result = check_length(rest[0], 0);
      break;
    }
    const std::size_t length = read_u32(rest.substr(1));
    result = check_length(rest[0], static_cast<std::int64_t>(length));
    if (result.has_error() || rest.size() < kFrameHeader + length) break;
    const auto type = static_cast<Frame::Type>(rest[0]);
    const std::string_view payload = rest.substr(kFrameHeader, length);
    result = accept(type, payload);
    if (result.has_value()) {
      const bool named = type == Frame::Type::artifact_begin;
      out.push_back({type, named ? artifact_names_.back() : std::string(payload)});
    }
    at += kFrameHeader + length;
  }
  buffer_.erase(0, at);
  if (result.has_error()) {
    broken_ = true;
    buffer_.clear();
    buffer_.shrink_to_fit();
  }
  return result;
}

Result<void> check_json(std::string_view text) { return base::validate_json(text, kMaxDepth); }

}  // namespace mecapy::sandbox
