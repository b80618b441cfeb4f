#include "worker/environment.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "base/sha256.h"

namespace mecapy::worker {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kDigits = 16;

// The names in the folder that end so, sorted.
std::set<std::string> names_in(const fs::path& folder, std::string_view ending) {
  std::set<std::string> names;
  std::error_code ec;
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    std::string name = it->path().filename();
    if (name.ends_with(ending)) names.insert(std::move(name));
  }
  return names;
}

}  // namespace

std::string environment_name(const std::string& site_packages, const std::string& runtime) {
  base::Sha256 hash;
  hash.add("mecapy " MECAPY_VERSION);
  for (const std::string& name : names_in(site_packages, ".dist-info")) hash.add(name + "\n");
  const fs::path package = fs::path(runtime) / "mecapy";
  for (const std::string& name : names_in(package, ".py")) {
    std::ifstream file(package / name, std::ios::binary);
    const std::string source{std::istreambuf_iterator<char>(file), {}};
    hash.add(name + "\n" + std::to_string(source.size()) + "\n" + source);
  }
  return "3.11-" + hash.hex().substr(0, kDigits);
}

}  // namespace mecapy::worker
