#include "clouds/machine_type.h"

#include <charconv>
#include <sstream>

#include "clouds/cloud_calls.h"

namespace mecapy::clouds {
namespace {

// `text` as a whole number from `least` to `most`, or nothing.
std::optional<std::int64_t> number(std::string_view text, std::int64_t least, std::int64_t most) {
  std::int64_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (ec != std::errc() || end != text.data() + text.size() || n < least || n > most) {
    return std::nullopt;
  }
  return n;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  if (text.ends_with(separator)) parts.emplace_back();
  return parts;
}

std::optional<MachineType> parse_one(const std::string& text) {
  const std::size_t equals = text.find('=');
  MachineType type;
  if (equals != std::string::npos) type.id = text.substr(equals + 1);
  if (equals != std::string::npos && !is_id(type.id)) return std::nullopt;
  const std::vector<std::string> parts = split(text.substr(0, equals), ':');
  if (parts.size() < 3 || parts.size() > 4 || !is_id(parts[0])) return std::nullopt;
  type.name = parts[0];
  const auto cpus = number(parts[1], 1, 4096);
  const auto memory = number(parts[2], kSystemMb + 64, 100'000'000);
  const auto gpus = parts.size() == 4 ? number(parts[3], 0, 64) : 0;
  if (!cpus || !memory || !gpus) return std::nullopt;
  type.cpus = static_cast<int>(*cpus);
  type.memory_mb = *memory;
  type.gpus = static_cast<int>(*gpus);
  return type;
}

}  // namespace

Result<std::vector<MachineType>> parse_machine_types(std::string_view setting,
                                                     std::string_view text) {
  std::vector<MachineType> types;
  std::istringstream in{std::string(text)};
  for (std::string one; in >> one;) {
    auto type = parse_one(one);
    if (!type) {
      return fail(ErrorCode::usage,
                  std::string(setting) + ": \"" + one +
                      "\" is no type of machine: write NAME:CPUS:MEMORY_MB, or with graphics "
                      "processors NAME:CPUS:MEMORY_MB:GPUS, as in PRO2-S:8:32768 (at least " +
                      std::to_string(kSystemMb + 64) + " MiB)");
    }
    types.push_back(std::move(*type));
  }
  if (types.empty()) return fail(ErrorCode::usage, std::string(setting) + " names no machine");
  return types;
}

std::vector<Offer> offers_of(const std::vector<MachineType>& types,
                             const std::vector<std::string>& zones) {
  std::vector<Offer> offers;
  for (const MachineType& type : types) {
    for (const std::string& zone : zones) {
      offers.push_back({type.name, zone, type.cpus, type.memory_mb - kSystemMb, type.gpus});
    }
  }
  return offers;
}

}  // namespace mecapy::clouds
