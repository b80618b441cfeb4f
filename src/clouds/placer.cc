#include "clouds/placer.h"

#include <array>

namespace mecapy::clouds {
namespace {

constexpr std::array<std::string_view, 5> kTroubles = {"not now", "no answer", "out of stock",
                                                       "quota", "refused"};

}  // namespace

std::string_view name(Trouble trouble) { return kTroubles[static_cast<std::size_t>(trouble)]; }

std::string words_of(const Refusal& refusal) {
  return std::string(name(refusal.trouble)) + ": " + refusal.message;
}

}  // namespace mecapy::clouds
