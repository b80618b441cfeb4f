// The mappings of this process, read without allocating: for code that looks at, or replaces, the
// memory an allocation would change.
#pragma once

#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <new>

#include "sandbox/step.h"

namespace mecapy::zygote {

inline constexpr std::uint64_t kPage = 4096;

struct Mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  int protection = 0;               // PROT_*
  bool shared = false;              // MAP_SHARED
  bool special = false;             // "[vdso]" and its like; not "[heap]"
  bool stack = false;               // "[stack]", which is special, too
  std::uint64_t offset = 0;         // in the file
  std::uint64_t inode = 0;          // of the file; 0 for none
  std::uint64_t private_bytes = 0;  // pages of this process's own (smaps: Anonymous)

  std::uint64_t size() const { return end - begin; }
  bool holds(const void* address) const {
    const auto at = reinterpret_cast<std::uint64_t>(address);
    return begin <= at && at < end;
  }
};

struct MemoryMap {
  std::array<Mapping, 4096> rows;
  std::size_t count = 0;
};

// Reads /proc/self/smaps.
sandbox::StepFailure read_memory_map(MemoryMap& map);

// A value in memory that is shared with the children of this process, and is neither heap nor .bss.
template <class T>
T* make_shared_value() {
  void* const at =
      ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return at == MAP_FAILED ? nullptr : new (at) T;
}
template <class T>
void free_shared_value(T* value) {
  ::munmap(value, sizeof(T));
}

}  // namespace mecapy::zygote
