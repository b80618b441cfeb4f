// What a calculation printed, as text (worker/log_text.h).
#include "worker/log_text.h"

#include "fuzz.h"

namespace mecapy::fuzz {
namespace {

std::string text_of(const std::vector<std::string_view>& parts) {
  worker::LogText log;
  std::string text;
  for (const std::string_view part : parts) text += log.add(part);
  return text + log.finish();
}

}  // namespace
}  // namespace mecapy::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mecapy::fuzz;
  const Input input = read_input(data, size);
  const std::string whole = text_of({input.bytes});
  promise(is_utf8(whole), "a log is UTF-8");
  promise(whole == text_of(pieces(input.bytes, input.choice)), "wherever the pipe cuts it");
  promise(!is_utf8(input.bytes) || whole == input.bytes, "and keeps what is text");
  promise(whole.size() <= 3 * input.bytes.size(), "and grows at most by replacement");
  return 0;
}
