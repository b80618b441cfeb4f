// The channel between the front and a run: job out, frames in. Everything read from it is hostile:
// it was written by a process that runs an author's code.
//
// Out, once:  u32 little-endian length of the header, the header (JSON: kind, code_bytes,
// inputs_bytes, checkpoint_bytes and the limits the harness checks itself, in bytes), code bytes,
// inputs bytes, checkpoint bytes. In, frames: u8 type, u32 little-endian length, payload. Progress,
// import, artifact and checkpoint frames in any order, then exactly one result or failure, then
// nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/limits.h"

namespace mecapy::sandbox {

enum class JobKind : std::uint8_t { calculate, check };

// The bytes to write into the channel. `check` only parses the code (ast) and looks for calculate;
// it answers result {"imports": [packages]}, to which "inputs" and "results" come when they are
// known (wire/worker_json.h), or a failure invalid_code with line and column.
// `checkpoint` is what an attempt before saved; "" for none.
std::string encode_job(JobKind kind, std::string_view code, std::string_view inputs,
                       const model::Limits& limits, std::string_view checkpoint = {});

struct Frame {
  enum class Type : std::uint8_t {
    progress = 'P',   // payload: JSON {"fraction": 0..1 or null, "message": text up to 200 bytes}
    importing = 'I',  // name of the package that is being imported now; empty: none
    artifact_begin = 'A',    // JSON {"name", "size"}; as a Frame, the checked name itself
    artifact_data = 'D',     // payload: up to 256 KiB of the current artifact
    artifact_end = 'E',      // payload: empty
    checkpoint_begin = 'C',  // JSON {"size"}; as a Frame, empty
    checkpoint_data = 'K',   // payload: up to 256 KiB of the current checkpoint
    checkpoint_end = 'S',    // payload: empty
    result = 'R',            // payload: the encoded result, JSON
    failure = 'F',           // payload: JSON {"kind", "message", "traceback", "line", "column"}
  };
  Type type = Type::progress;
  std::string payload;
};

// Cuts a byte stream into frames. Bounds what it holds: a frame larger than its type allows, an
// unknown type, an artifact or checkpoint frame out of order or over its declared size, a bad
// artifact name, artifacts or a checkpoint over the limit, anything after the result: an error,
// after which the parser accepts nothing more. A result may cut a checkpoint off. Errors: too_large
// (message names which limit: "result", "artifacts" or "checkpoint") or invalid_request.
class FrameParser {
 public:
  explicit FrameParser(const model::Limits& limits);
  // Feeds `bytes`; appends the frames completed by them to `out`.
  Result<void> feed(std::string_view bytes, std::vector<Frame>& out);
  // True after the result or failure frame.
  bool ended() const { return ended_; }
  // True when no partial frame is pending.
  bool at_boundary() const { return buffer_.empty(); }

 private:
  Result<void> accept(Frame::Type type, std::string_view payload);
  Result<void> check_length(char type, std::int64_t length) const;
  Result<void> begin_artifact(std::string_view payload);
  Result<void> artifact_bytes(std::string_view payload);
  Result<void> begin_checkpoint(std::string_view payload);
  model::Limits limits_;
  std::string buffer_;
  bool ended_ = false;
  bool broken_ = false;
  std::optional<std::int64_t> artifact_left_;    // bytes still to come of the open artifact
  std::optional<std::int64_t> checkpoint_left_;  // the same of the open checkpoint
  std::int64_t artifacts_total_ = 0;
  int artifacts_count_ = 0;
  std::vector<std::string> artifact_names_;
};

// Whether `text` is one whole JSON value, by a parser that keeps nothing and nests at most 512
// levels. What a result frame holds must pass it before it is called JSON. Errors: invalid_request.
Result<void> check_json(std::string_view text);

}  // namespace mecapy::sandbox
