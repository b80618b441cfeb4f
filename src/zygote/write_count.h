// How much the processes that init reaps have written, by the kernel's own count.
#pragma once

#include <cstdint>

#include "base/fd.h"

namespace mecapy::zygote {

// Made in init, before there is a run and before init is closed to looks from inside; read at the
// end. What the kernel counts for a process goes to its parent when that reaps it (proc(5),
// /proc/pid/io).
class WriteCount {
 public:
  // Counts from here on. Leaves this process not dumpable.
  WriteCount();
  // Bytes given to write(2) and its like since; -1 where the kernel does not count.
  std::int64_t bytes() const;

 private:
  base::Fd file_;
  std::int64_t before_ = 0;
};

}  // namespace mecapy::zygote
