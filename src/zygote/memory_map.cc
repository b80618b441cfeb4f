#include "zygote/memory_map.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/fd.h"

namespace mecapy::zygote {
namespace {

using sandbox::failed;
using sandbox::StepFailure;

struct Text {
  std::array<char, 4 * 1024 * 1024> bytes;
  std::size_t length = 0;
};

StepFailure read_smaps(Text& text) {
  const base::Fd file(::open("/proc/self/smaps", O_RDONLY | O_CLOEXEC));
  if (!file) return failed("open smaps");
  text.length = 0;
  while (text.length < text.bytes.size()) {
    const ssize_t got =
        ::read(file.get(), text.bytes.data() + text.length, text.bytes.size() - text.length);
    if (got < 0) return failed("read smaps");
    if (got == 0) return {};
    text.length += static_cast<std::size_t>(got);
  }
  return failed("read smaps", E2BIG);
}

std::uint64_t number(std::string_view text, int base) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

// The next word of `rest`, which loses it.
std::string_view word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(' ')));
  const std::string_view found = rest.substr(0, rest.find(' '));
  rest.remove_prefix(found.size());
  return found;
}

// "7f00-7f10 rw-p 00000000 00:00 0    [heap]": range, mode, offset, device, inode, name
Mapping mapping_of(std::string_view line) {
  std::string_view rest = line;
  const std::string_view range = word(rest);
  const std::string_view mode = word(rest);
  const std::size_t dash = range.find('-');
  Mapping mapping;
  mapping.begin = number(range.substr(0, dash), 16);
  mapping.end = number(range.substr(dash + 1), 16);
  mapping.offset = number(word(rest), 16);
  word(rest);
  mapping.inode = number(word(rest), 10);
  if (mode[0] == 'r') mapping.protection |= PROT_READ;
  if (mode[1] == 'w') mapping.protection |= PROT_WRITE;
  if (mode[2] == 'x') mapping.protection |= PROT_EXEC;
  mapping.shared = mode[3] == 's';
  const std::size_t bracket = line.find('[');
  mapping.special = bracket != std::string_view::npos && line.substr(bracket) != "[heap]";
  mapping.stack = mapping.special && line.substr(bracket) == "[stack]";
  return mapping;
}

bool starts_mapping(std::string_view line) {
  return !line.empty() &&
         (('0' <= line[0] && line[0] <= '9') || ('a' <= line[0] && line[0] <= 'f'));
}

StepFailure parse(const Text& text, MemoryMap& map) {
  constexpr std::string_view kPrivate = "Anonymous:";
  map.count = 0;
  std::string_view rest(text.bytes.data(), text.length);
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (starts_mapping(line)) {
      if (map.count == map.rows.size()) return failed("read the memory map", E2BIG);
      map.rows[map.count++] = mapping_of(line);
    } else if (line.starts_with(kPrivate) && map.count > 0) {
      std::string_view kilobytes = line.substr(kPrivate.size());
      kilobytes.remove_prefix(std::min(kilobytes.size(), kilobytes.find_first_not_of(' ')));
      map.rows[map.count - 1].private_bytes = number(kilobytes, 10) * 1024;
    }
  }
  return {};
}

}  // namespace

StepFailure read_memory_map(MemoryMap& map) {
  Text* const text = make_shared_value<Text>();
  if (text == nullptr) return failed("map room for smaps");
  StepFailure step = read_smaps(*text);
  if (!step) step = parse(*text, map);
  free_shared_value(text);
  return step;
}

}  // namespace mecapy::zygote
