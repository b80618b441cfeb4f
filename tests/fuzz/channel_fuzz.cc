// The result channel: bytes that a run wrote, cut into frames (sandbox/channel.h).
#include <set>

#include "fuzz.h"
#include "model/run.h"
#include "sandbox/channel.h"

namespace mecapy::fuzz {
namespace {

using sandbox::Frame;

// Small, so that short inputs reach every bound.
model::Limits small_limits() {
  model::Limits limits;
  limits.result_mb = 64.0 / (1024 * 1024);
  limits.artifacts_mb = 48.0 / (1024 * 1024);
  limits.checkpoint_mb = 48.0 / (1024 * 1024);
  return limits;
}

struct Parsed {
  std::vector<Frame> frames{};
  std::string complaint{};
  bool ended = false;
  bool at_boundary = false;
};

Parsed parse(const std::vector<std::string_view>& parts) {
  sandbox::FrameParser parser(small_limits());
  Parsed parsed;
  for (const std::string_view part : parts) {
    const auto fed = parser.feed(part, parsed.frames);
    if (fed) continue;
    parsed.complaint = fed.error().message;
    std::vector<Frame> more;
    promise(parser.feed("P", more).has_error() && more.empty(), "nothing after an error");
    break;
  }
  parsed.ended = parser.ended();
  parsed.at_boundary = parser.at_boundary();
  return parsed;
}

void check_frames(const Parsed& parsed) {
  std::set<std::string> names;
  std::size_t artifact_bytes = 0;
  std::size_t checkpoint_bytes = 0;
  bool inside = false;
  bool saving = false;
  for (std::size_t i = 0; i < parsed.frames.size(); ++i) {
    const Frame& frame = parsed.frames[i];
    switch (frame.type) {
      case Frame::Type::progress:
        promise(sandbox::check_json(frame.payload).has_value(), "progress is JSON");
        break;
      case Frame::Type::importing:
        promise(frame.payload.size() <= 64 &&
                    frame.payload.find_first_not_of(
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
                        std::string::npos,
                "names of packages are short and plain");
        break;
      case Frame::Type::artifact_begin:
        promise(!inside && names.insert(frame.payload).second, "artifacts one by one, named once");
        promise(model::is_artifact_name(frame.payload), "names are safe");
        inside = true;
        break;
      case Frame::Type::artifact_data:
        promise(inside && !frame.payload.empty(), "bytes belong to an artifact");
        artifact_bytes += frame.payload.size();
        break;
      case Frame::Type::artifact_end:
        promise(inside, "what ends had begun");
        inside = false;
        break;
      case Frame::Type::checkpoint_begin:
        promise(!saving, "checkpoints one by one");
        saving = true;
        checkpoint_bytes = 0;
        break;
      case Frame::Type::checkpoint_data:
        promise(saving && !frame.payload.empty(), "bytes belong to a checkpoint");
        checkpoint_bytes += frame.payload.size();
        promise(checkpoint_bytes <= 48, "checkpoints are bounded");
        break;
      case Frame::Type::checkpoint_end:
        promise(saving && checkpoint_bytes > 0, "what ends had begun");
        saving = false;
        break;
      case Frame::Type::result:
        promise(!inside && frame.payload.size() <= 64, "results are bounded");
        (void)sandbox::check_json(frame.payload);
        [[fallthrough]];
      case Frame::Type::failure:
        promise(i + 1 == parsed.frames.size() && parsed.ended, "the result is the last frame");
        break;
    }
  }
  promise(artifact_bytes <= 48, "artifacts are bounded");
}

}  // namespace
}  // namespace mecapy::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mecapy::fuzz;
  const Input input = read_input(data, size);
  const Parsed whole = parse({input.bytes});
  const Parsed cut = parse(pieces(input.bytes, input.choice));
  promise(whole.complaint == cut.complaint, "where the pipe cuts changes no complaint");
  promise(whole.ended == cut.ended && whole.at_boundary == cut.at_boundary, "nor the state");
  promise(whole.frames.size() == cut.frames.size(), "nor the number of frames");
  for (std::size_t i = 0; i < whole.frames.size(); ++i) {
    promise(whole.frames[i].type == cut.frames[i].type &&
                whole.frames[i].payload == cut.frames[i].payload,
            "nor a frame");
  }
  check_frames(whole);
  return 0;
}
