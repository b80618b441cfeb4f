#include "base/id.h"

#include <sys/random.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <mutex>

namespace mecapy::base {
namespace {

constexpr char kHex[] = "0123456789abcdef";

void fill_random(void* data, std::size_t n) {
  auto* p = static_cast<unsigned char*>(data);
  while (n > 0) {
    const ssize_t got = getrandom(p, n, 0);
    if (got <= 0) std::abort();  // no randomness: nothing we made could be trusted
    p += got;
    n -= static_cast<std::size_t>(got);
  }
}

// Milliseconds and a 12-bit counter that never step back within this process.
struct Tick {
  std::uint64_t ms;
  unsigned counter;
};

Tick next_tick() {
  static std::mutex mutex;
  static Tick last{0, 0};
  const auto now =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count());
  const std::lock_guard lock(mutex);
  if (now > last.ms) {
    last = {now, 0};
  } else if (++last.counter > 0xfff) {
    last = {last.ms + 1, 0};
  }
  return last;
}

}  // namespace

std::string make_uuid7() {
  const Tick tick = next_tick();
  std::array<unsigned char, 16> b{};
  fill_random(b.data() + 8, 8);
  for (int i = 0; i < 6; ++i) b[static_cast<std::size_t>(i)] = (tick.ms >> (40 - 8 * i)) & 0xff;
  b[6] = static_cast<unsigned char>(0x70 | (tick.counter >> 8));
  b[7] = static_cast<unsigned char>(tick.counter & 0xff);
  b[8] = static_cast<unsigned char>(0x80 | (b[8] & 0x3f));
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kHex[b[i] >> 4];
    text += kHex[b[i] & 15];
  }
  return text;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

std::string hex(std::string_view bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    text += kHex[static_cast<unsigned char>(c) >> 4];
    text += kHex[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

std::string random_hex(std::size_t n) {
  std::string bytes(n, '\0');
  fill_random(bytes.data(), n);
  return hex(bytes);
}

}  // namespace mecapy::base
