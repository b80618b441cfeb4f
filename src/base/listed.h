// Several words as one text for people.
#pragma once

#include <iterator>
#include <string>
#include <string_view>

namespace mecapy::base {

// "a, b or c" for " or ". The words are any that can be walked through.
template <class Words>
std::string listed(const Words& words, std::string_view before_last = ", ",
                   std::string_view between = ", ") {
  std::string all;
  const auto end = std::end(words);
  for (auto word = std::begin(words); word != end; ++word) {
    if (word != std::begin(words)) all += std::next(word) == end ? before_last : between;
    all += *word;
  }
  return all;
}

}  // namespace mecapy::base
