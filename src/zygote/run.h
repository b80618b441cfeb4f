// The run: the process that will execute the author's code, from its fork to that moment.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/protocol.h"
#include "zygote/hot_pages.h"

namespace mecapy::zygote {

// Where the run finds itself: what init has made for it in the profile.
struct RunPlace {
  std::string folder{};  // of the run, with `work` and `tmp` in it; "": these are at the root
  std::uint32_t user = sandbox::kInnerUid;
  std::optional<sandbox::DiskBounds>
      mounted{};  // the bounds its own file system has now, if it has
  sandbox::FileRules files{};
  bool shares_processes = false;  // no pid namespace keeps its signals in
  bool shares_user = false;       // the worker and other runs are the same user
};

// What the zygote has made once for all its runs.
struct RunKit {
  sandbox::FilterProgram filter{};
  const HotPages* hot_pages = nullptr;  // where the kernel tells
  std::vector<std::string> devices{};   // of graphics processors
};

// Wakes Python, says `prepared` and waits for its go on `ctl`; then takes from this process all it
// does not need, in a fixed order, checks that it is gone, says `ready`, and enters the harness.
// Never returns.
[[noreturn]] void be_run(base::Fd ctl, const RunPlace& place, const RunKit& kit);

}  // namespace mecapy::zygote
