#include "zygote/remap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "zygote/memory_map.h"

namespace mecapy::zygote {
namespace {

using sandbox::failed;
using sandbox::StepFailure;

thread_local int own_storage = 0;  // its address lies in the thread-local storage
int own_data = 0;                  // and this one's in the program's data

bool eligible(const Mapping& mapping) {
  return !mapping.shared && !mapping.special && (mapping.protection & PROT_READ) != 0 &&
         (mapping.protection & PROT_EXEC) == 0 && !mapping.holds(&own_storage) &&
         !mapping.holds(&own_data);
}

bool worthwhile(const Mapping& mapping) {
  // A reserve that is hardly used (BLAS buffers) would become a file full of zeros.
  return eligible(mapping) && mapping.private_bytes > 0 &&
         mapping.private_bytes * 8 >= mapping.size();
}

StepFailure copy_out(const Mapping& mapping, int file, std::uint64_t offset) {
  const char* at = reinterpret_cast<const char*>(mapping.begin);
  std::uint64_t done = 0;
  while (done < mapping.size()) {
    const ssize_t wrote =
        ::pwrite(file, at + done, mapping.size() - done, static_cast<off_t>(offset + done));
    if (wrote <= 0) return failed("copy memory");
    done += static_cast<std::uint64_t>(wrote);
  }
  return {};
}

StepFailure replace(const MemoryMap& map, int file) {
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < map.count; ++i) {
    const Mapping& mapping = map.rows[i];
    if (!worthwhile(mapping)) continue;
    void* const at = reinterpret_cast<void*>(mapping.begin);
    if (::mmap(at, mapping.size(), mapping.protection, MAP_PRIVATE | MAP_FIXED, file,
               static_cast<off_t>(offset)) != at) {
      return failed("map memory back");
    }
    offset += mapping.size();
  }
  return {};
}

// Between the copy and the seal nothing of what is copied may change: only this stack does.
StepFailure copy_and_replace(const MemoryMap& map, std::int64_t& bytes) {
  const base::Fd file(::memfd_create("template", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file) return failed("memfd_create");
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < map.count; ++i) {
    if (!worthwhile(map.rows[i])) continue;
    if (const StepFailure step = copy_out(map.rows[i], file.get(), offset)) return step;
    offset += map.rows[i].size();
  }
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) !=
      0) {
    return failed("seal memory");
  }
  bytes = static_cast<std::int64_t>(offset);
  return replace(map, file.get());
}

}  // namespace

StepFailure remap_dirty_memory(std::int64_t& bytes) {
  auto* const map = make_shared_value<MemoryMap>();
  if (map == nullptr) return failed("map room for the memory map");
  StepFailure step = read_memory_map(*map);
  if (!step) step = copy_and_replace(*map, bytes);
  free_shared_value(map);
  return step;
}

}  // namespace mecapy::zygote
