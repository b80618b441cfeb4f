// The kinds of zygotes: what each has imported before its first fork. Each holds what those above
// it in the table hold, too, so a calculation runs right with any of them and fastest with its own.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace mecapy::sandbox {

enum class ZygoteKind : std::uint8_t { bare, numpy, scipy, pandas, matplotlib };
inline constexpr std::size_t kZygoteKinds = 5;

struct ZygoteRow {
  ZygoteKind kind;
  std::string_view name;     // also the package whose import asks for it
  std::string_view modules;  // imported ahead, separated by spaces
};

// In the order of the enum.
extern const std::array<ZygoteRow, kZygoteKinds> kZygoteTable;

const ZygoteRow& zygote_row(ZygoteKind kind);
constexpr std::size_t index_of(ZygoteKind kind) { return static_cast<std::size_t>(kind); }

// All modules of `kind` and of those above it, separated by spaces.
std::string modules_of(ZygoteKind kind);

// The kind for code that imports `package`; bare when no row names it.
ZygoteKind kind_of_package(std::string_view package);

// The highest kind whose package is mentioned anywhere in `code`: no lower one than its imports
// ask for, and with no parsing.
ZygoteKind highest_mentioned(std::string_view code);

}  // namespace mecapy::sandbox
