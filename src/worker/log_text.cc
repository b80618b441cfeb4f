#include "worker/log_text.h"

#include "base/utf8.h"

namespace mecapy::worker {

std::string LogText::add(std::string_view bytes) {
  const std::string all = held_ + std::string(bytes);
  held_.clear();
  std::string out;
  out.reserve(all.size());
  for (std::size_t at = 0; at < all.size();) {
    const std::string_view rest = std::string_view(all).substr(at);
    const int n = base::utf8_length(rest);
    if (n == 0) {
      held_ = rest;
      break;
    }
    if (n < 0) {
      out += base::kReplacement;
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
  for (std::size_t i = 0; i < held_.size(); ++i) out += base::kReplacement;
  held_.clear();
  return out;
}

}  // namespace mecapy::worker
