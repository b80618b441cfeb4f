#include "base/nearest.h"

#include <algorithm>
#include <numeric>

namespace mecapy::base {
namespace {

// Levenshtein distance (Wagner and Fischer 1974), one row at a time; `most` when it is that or
// more, which is often known early.
std::size_t distance(std::string_view a, std::string_view b, std::size_t most) {
  const std::size_t longer = std::max(a.size(), b.size()) - std::min(a.size(), b.size());
  if (longer >= most) return most;
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({row[j - 1] + 1, above + 1, change});
      diagonal = above;
    }
    if (*std::ranges::min_element(row) >= most) return most;
  }
  return std::min(row[b.size()], most);
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  if (word.size() > 100) return {};
  std::size_t best = std::max<std::size_t>(2, word.size() / 3) + 1;
  std::string_view found;
  for (const std::string_view candidate : candidates) {
    const bool begins = word.size() >= 3 && candidate.starts_with(word);
    const std::size_t d = begins ? 1 : distance(word, candidate, best);
    const bool is_shorter = begins && found.starts_with(word) && candidate.size() < found.size();
    if (d < best || (d == best && is_shorter)) {
      best = d;
      found = candidate;
    }
  }
  return std::string(found);
}

}  // namespace mecapy::base
