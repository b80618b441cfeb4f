#include "worker/log_text.h"

namespace mecapy::worker {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

int sequence_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return 2;
  if (lead < 0xf0) return 3;
  return lead < 0xf5 ? 4 : 0;
}

// How many bytes at `text` are a character (positive), cut short (0), or wrong (-1).
int look(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const int n = sequence_length(lead);
  if (n == 0) return -1;
  for (int i = 1; i < n; ++i) {
    if (static_cast<std::size_t>(i) >= text.size()) return 0;
    const auto b = static_cast<unsigned char>(text[static_cast<std::size_t>(i)]);
    if ((b & 0xc0) != 0x80) return -1;
    if (i == 1 && ((lead == 0xe0 && b < 0xa0) || (lead == 0xed && b > 0x9f) ||
                   (lead == 0xf0 && b < 0x90) || (lead == 0xf4 && b > 0x8f))) {
      return -1;
    }
  }
  return n;
}

}  // namespace

std::string LogText::add(std::string_view bytes) {
  const std::string all = held_ + std::string(bytes);
  held_.clear();
  std::string out;
  out.reserve(all.size());
  for (std::size_t at = 0; at < all.size();) {
    const std::string_view rest = std::string_view(all).substr(at);
    const int n = look(rest);
    if (n == 0) {
      held_ = rest;
      break;
    }
    if (n < 0) {
      out += kReplacement;
      ++at;
    } else {
      out += rest.substr(0, static_cast<std::size_t>(n));
      at += static_cast<std::size_t>(n);
    }
  }
  return out;
}

std::string LogText::finish() {
  std::string out;
  for (std::size_t i = 0; i < held_.size(); ++i) out += kReplacement;
  held_.clear();
  return out;
}

}  // namespace mecapy::worker
