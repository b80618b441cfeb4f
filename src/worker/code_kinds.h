// Which zygote suits a code: what its imports ask for, as a sandboxed look at it has said. Only a
// hint: any zygote runs any code.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/recent.h"
#include "sandbox/zygote_kinds.h"

namespace mecapy::worker {

// Remembers the last 1024 codes, by hash.
class CodeKinds {
 public:
  // Nothing when the code mentions packages whose import nobody has looked for yet.
  std::optional<sandbox::ZygoteKind> find(std::string_view code);
  // `answer` is what a check of the code gave, {"imports": [...], ...}: hostile, so it can only
  // choose among the kinds.
  void learn(std::string_view code, std::string_view answer);

 private:
  base::Recent<std::uint64_t, sandbox::ZygoteKind> known_{1024};  // by hash
};

}  // namespace mecapy::worker
