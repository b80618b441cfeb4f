// What a server says to a client of ours (client/answers.h, client/event_reader.h), and what of it
// is shown (cli/text.h).
#include "cli/text.h"
#include "client/answers.h"
#include "client/event_reader.h"
#include "fuzz.h"
#include "wire/json.h"

namespace mecapy::fuzz {
namespace {

constexpr std::size_t kDeep = 2 * wire::kMaxDepth;

bool has_power(std::string_view text) {
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f) return true;
  }
  // C1 controls and those that turn text.
  for (const char* mark : {"\xc2\x9b", "\xe2\x80\xae", "\xe2\x80\x8b", "\xef\xbb\xbf"}) {
    if (text.find(mark) != std::string_view::npos) return true;
  }
  return false;
}

void look_at_words(std::string_view bytes, std::uint8_t choice) {
  const std::string shown = cli::harmless(bytes);
  promise(is_utf8(shown) && !has_power(shown), "what is shown has no power over a terminal");
  promise(cli::harmless(shown) == shown, "and stays as it is shown");
  const std::string line = cli::harmless_line(bytes, choice + 1U);
  promise(line.find('\n') == std::string::npos, "one line is one");
  promise(cli::width(line) <= choice + 1U, "and no longer than it may be");
  if (wire::validate_json(bytes, kDeep)) {
    const std::string json = cli::harmless_json(bytes);
    promise(bool(wire::validate_json(json, kDeep)), "JSON stays JSON");
    promise(json.find('\x7f') == std::string::npos, "without power, too");
  }
}

void look_at_answers(const std::string& text) {
  (void)client::read_run(text);
  (void)client::read_task(text);
  (void)client::read_progress(text);
  (void)client::text_member(text, "id");
  if (const auto page = client::read_page(text)) {
    for (const std::string& item : page->items)
      promise(bool(wire::validate_json(item, kDeep)), "an item of a page is JSON");
  }
}

// Each event in a line of its own.
std::size_t events_in(std::string_view bytes) {
  client::EventReader reader;
  std::size_t size = 0;
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size() - 1);
    const auto event = reader.take(bytes.substr(0, end));
    if (!event) break;
    if (*event) size += (*event)->data.size();
    bytes.remove_prefix(end + 1);
  }
  return size;
}

}  // namespace
}  // namespace mecapy::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mecapy::fuzz;
  const Input input = read_input(data, size);
  look_at_words(input.bytes, input.choice);
  look_at_answers(std::string(input.bytes));
  promise(events_in(input.bytes) <= input.bytes.size(), "events are no more than what came");
  return 0;
}
