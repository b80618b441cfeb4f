// SQL as constants: joined at compile time from named parts, so that a column list is written once.
#pragma once

#include <cstddef>

namespace mecapy::store {

template <std::size_t N>
struct SqlText {
  char text[N];
};

// One statement out of string literals (or char arrays).
template <std::size_t... N>
consteval auto join_sql(const char (&... part)[N]) {
  SqlText<((N - 1) + ... + 1)> joined{};
  std::size_t at = 0;
  const auto append = [&](const char* text, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) joined.text[at++] = text[i];
  };
  (append(part, N - 1), ...);
  joined.text[at] = '\0';
  return joined;
}

// A statement whose text lives as long as the program: its address names it in the cache of
// prepared statements.
class Sql {
 public:
  consteval Sql(const char* text) : text_(text) {}  // NOLINT: a literal is a statement
  template <std::size_t N>
  consteval Sql(const SqlText<N>& joined) : text_(joined.text) {}  // NOLINT
  const char* text() const { return text_; }

 private:
  const char* text_;
};

}  // namespace mecapy::store
