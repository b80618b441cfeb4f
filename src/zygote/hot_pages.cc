#include "zygote/hot_pages.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <span>

#include "base/fd.h"
#include "zygote/memory_map.h"

namespace mecapy::zygote {
namespace {

using sandbox::failed;
using sandbox::StepFailure;

// The kernel's Documentation/admin-guide/mm/pagemap.rst.
constexpr std::uint64_t kExclusive = 1ULL << 56;
constexpr std::uint64_t kFileOrShared = 1ULL << 61;
constexpr std::uint64_t kPresent = 1ULL << 63;

constexpr int kWritable = PROT_READ | PROT_WRITE;

// What the copy writes and its parent reads, outside everything that is looked at.
struct Notes {
  MemoryMap map;  // before the rehearsal
  HotPages pages;
  std::array<std::uint64_t, 65536> entries;
  enum class End : std::uint8_t { broken, done, untold } end = End::broken;
};

void add(HotPages& pages, std::uint64_t page) {
  if (pages.count > 0) {
    iovec& last = pages.ranges[pages.count - 1];
    if (reinterpret_cast<std::uint64_t>(last.iov_base) + last.iov_len == page) {
      last.iov_len += kPage;
      return;
    }
  }
  if (pages.count == pages.ranges.size()) return;
  pages.ranges[pages.count++] = {reinterpret_cast<void*>(page), kPage};
}

// Whether it was copied, or is new: other processes do not map it. What is only read is left to the
// kernel, which maps it sixteen pages at a time.
bool is_own(std::uint64_t entry) {
  return (entry & kPresent) != 0 && (entry & kFileOrShared) == 0 && (entry & kExclusive) != 0;
}

bool look_at(const Mapping& mapping, const base::Fd& pagemap, Notes& notes) {
  std::uint64_t page = mapping.begin;
  while (page < mapping.end) {
    const std::size_t wanted =
        std::min<std::size_t>((mapping.end - page) / kPage, notes.entries.size());
    const ssize_t got = ::pread(pagemap.get(), notes.entries.data(), wanted * sizeof(std::uint64_t),
                                static_cast<off_t>(page / kPage * sizeof(std::uint64_t)));
    if (got <= 0) return false;
    for (std::size_t i = 0; i < static_cast<std::size_t>(got) / sizeof(std::uint64_t); ++i) {
      if (is_own(notes.entries[i])) add(notes.pages, page);
      page += kPage;
    }
  }
  return true;
}

Notes::End look_around(Notes& notes) {
  const base::Fd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!pagemap) return Notes::End::untold;
  for (std::size_t i = 0; i < notes.map.count; ++i) {
    const Mapping& mapping = notes.map.rows[i];
    const bool told = !mapping.shared && (!mapping.special || mapping.stack) &&
                      (mapping.protection & kWritable) == kWritable;
    if (told && !look_at(mapping, pagemap, notes)) return Notes::End::untold;
  }
  return Notes::End::done;
}

const HotPages* keep(const HotPages& pages) {
  void* const at =
      ::mmap(nullptr, sizeof(HotPages), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return nullptr;
  auto* const kept = new (at) HotPages(pages);
  return ::mprotect(at, sizeof(HotPages), PROT_READ) == 0 ? kept : nullptr;
}

using Ranges = std::span<const iovec>;

// Since Linux 6.13 a process may ask this for itself, of many ranges at once: a third faster than
// one by one. Returns how many are done.
std::size_t make_own_at_once(Ranges ranges) {
  const base::Fd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  std::size_t done = 0;
  while (self && done < ranges.size()) {
    const Ranges some = ranges.subspan(done, std::min<std::size_t>(IOV_MAX, ranges.size() - done));
    std::size_t wanted = 0;
    for (const iovec& range : some) wanted += range.iov_len;
    const long got = ::syscall(SYS_process_madvise, self.get(), some.data(), some.size(),
                               MADV_POPULATE_WRITE, 0);
    if (got != static_cast<long>(wanted)) break;
    done += some.size();
  }
  return done;
}

// Before Linux 5.14: one by one. Nothing else runs in this process.
void touch(const iovec& range) {
  auto* const bytes = static_cast<volatile char*>(range.iov_base);
  for (std::size_t at = 0; at < range.iov_len; at += kPage) bytes[at] = bytes[at];
}

}  // namespace

std::int64_t HotPages::bytes() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += ranges[i].iov_len;
  return static_cast<std::int64_t>(sum);
}

const HotPages* learn_hot_pages(bool (*rehearse)(), StepFailure& step) {
  auto* const notes = make_shared_value<Notes>();
  if (notes == nullptr) {
    step = failed("map room for the rehearsal");
    return nullptr;
  }
  // What the rehearsal maps anew is not there in other copies.
  step = read_memory_map(notes->map);
  if (step) return nullptr;
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (rehearse()) notes->end = look_around(*notes);
    ::_exit(0);
  }
  int status = 0;
  const HotPages* pages = nullptr;
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid) {
    step = failed("fork the rehearsal");
  } else if (notes->end == Notes::End::broken) {
    step = failed("rehearse", EPROTO);
  } else if (notes->end == Notes::End::done) {
    pages = keep(notes->pages);
    if (pages == nullptr) step = failed("keep the hot pages");
  }
  free_shared_value(notes);
  return pages;
}

void make_own(const HotPages& pages) {
  const Ranges all(pages.ranges.data(), pages.count);
  for (const iovec& range : all.subspan(make_own_at_once(all))) {
    if (::madvise(range.iov_base, range.iov_len, MADV_POPULATE_WRITE) != 0) touch(range);
  }
}

}  // namespace mecapy::zygote
