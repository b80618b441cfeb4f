// The pages every run writes, learnt from one rehearsal: objects whose reference counts change,
// most of them. A sandbox copies them while it waits, a run of them at a time; left alone, a run
// would fault for each with its client waiting.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "sandbox/step.h"

namespace mecapy::zygote {

struct HotPages {
  std::array<iovec, 8192> ranges;  // what is beyond them stays as it is
  std::size_t count = 0;

  std::int64_t bytes() const;
};

// Lets a copy of this process call `rehearse` and sees what it touches. Later copies only read what
// is returned. Null with a reason in `step` when the rehearsal failed; with none in it when this
// kernel does not tell pages.
const HotPages* learn_hot_pages(bool (*rehearse)(), sandbox::StepFailure& step);

// In a copy of the process that learnt.
void make_own(const HotPages& pages);

}  // namespace mecapy::zygote
