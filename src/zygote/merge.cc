#include "zygote/merge.h"

#include <sys/mman.h>

#include "zygote/memory_map.h"

namespace mecapy::zygote {
namespace {

using sandbox::failed;
using sandbox::StepFailure;

bool continues(const Mapping& first, const Mapping& second) {
  return first.inode != 0 && first.inode == second.inode && !first.shared && !second.shared &&
         first.end == second.begin && first.offset + first.size() == second.offset;
}

bool is_data(const Mapping& mapping) { return (mapping.protection & PROT_WRITE) != 0; }
bool is_code(const Mapping& mapping) { return (mapping.protection & PROT_EXEC) != 0; }
bool is_read_only(const Mapping& mapping) { return mapping.protection == PROT_READ; }

StepFailure protect(Mapping& mapping, int protection) {
  mapping.protection = protection;
  void* const at = reinterpret_cast<void*>(mapping.begin);
  return ::mprotect(at, mapping.size(), protection) == 0 ? StepFailure{} : failed("mprotect");
}

// Beside code and read as a file: header or constants. Beside data and written before: RELRO.
StepFailure merge(Mapping& one, Mapping& other) {
  if (!continues(one, other)) return {};
  if (is_read_only(one) && is_data(other) && one.private_bytes > 0) {
    return protect(one, PROT_READ | PROT_WRITE);
  }
  if (is_read_only(one) && is_code(other) && one.private_bytes == 0) {
    return protect(one, PROT_READ | PROT_EXEC);
  }
  if (is_code(one) && is_read_only(other) && other.private_bytes == 0) {
    return protect(other, PROT_READ | PROT_EXEC);
  }
  return {};
}

}  // namespace

StepFailure merge_library_mappings() {
  auto* const map = make_shared_value<MemoryMap>();
  if (map == nullptr) return failed("map room for the memory map");
  StepFailure step = read_memory_map(*map);
  for (std::size_t i = 1; !step && i < map->count; ++i) {
    step = merge(map->rows[i - 1], map->rows[i]);
  }
  free_shared_value(map);
  return step;
}

}  // namespace mecapy::zygote
