// mecapy-zygote KIND MODULES DEVICES RUNTIME PACKAGES CACHE [READABLE...]: CPython with some
// packages loaded, waiting to be copied. DEVICES: of graphics processors. READABLE: what runs may
// read, where no template hides the rest (profile container).
//
// Started by the supervisor only (zygote_process.cc), inside the template, as a user of its own,
// without capabilities, secrets or open files but a socket at descriptor 3. It loads Python,
// installs the big seccomp filter and then runs a native loop: receive the ctl of a sandbox, clone
// its init. It never sees the code, the inputs or the results of anyone.
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/filter.h"
#include "sandbox/packet.h"
#include "sandbox/protocol.h"
#include "zygote/arguments.h"
#include "zygote/birth.h"
#include "zygote/hot_pages.h"
#include "zygote/interpreter.h"
#include "zygote/merge.h"
#include "zygote/rehearsal.h"
#include "zygote/remap.h"

namespace mecapy::zygote {
namespace {

using sandbox::StepFailure;
using sandbox::ZygoteReply;
using sandbox::ZygoteRequest;

[[noreturn]] void refuse(const std::string& why, int error) {
  ZygoteReply reply;
  reply.kind = ZygoteReply::Kind::failed;
  reply.error = error;
  reply.text.set(why);
  (void)sandbox::send_packet(sandbox::kZygoteSocket, reply);
  ::_exit(1);
}

// A fork copies one thread; locks held by others would stay locked for ever in the copy.
bool is_single_threaded() {
  std::error_code failed;
  const std::filesystem::directory_iterator tasks("/proc/self/task", failed);
  return !failed && std::distance(begin(tasks), end(tasks)) == 1;
}

[[noreturn]] void serve(Births& births) {
  while (true) {
    ZygoteRequest request;
    sandbox::PacketFds fds;
    if (sandbox::receive_packet(sandbox::kZygoteSocket, request, &fds) != sandbox::Received::packet)
      ::_exit(0);
    ::waitpid(-1, nullptr, WNOHANG);  // the helper that filled the font cache (mecapy._warm)
    const Birth birth = births.make(fds);
    ZygoteReply reply;
    reply.kind = ZygoteReply::Kind::cloned;
    reply.ticket = request.ticket;
    reply.pid = birth.init;
    reply.error = birth.error;
    if (!sandbox::send_packet(sandbox::kZygoteSocket, reply)) ::_exit(0);
  }
}

[[noreturn]] void live(Arguments given) {
  const PythonPlaces& places = given.places;
  std::string error;
  if (!start_interpreter(given.modules, places, error)) refuse(error, 0);
  const bool at_root = given.readable.empty();
  if (!load_rehearsal(
          places.runtime,
          at_root ? "" : std::string(places.cache) + "/rehearsal-" + std::to_string(::getpid()))) {
    refuse("the rehearsal is missing", ENOENT);
  }
  if (!is_single_threaded()) refuse("the zygote has more than one thread", EBUSY);
  sandbox::FilterProgram zygote_filter;
  RunKit kit;
  kit.devices = std::move(given.devices);
  const auto kind =
      kit.devices.empty() ? sandbox::FilterKind::zygote : sandbox::FilterKind::zygote_with_gpus;
  Births births(kit, std::move(given.readable));
  if (!births.prepare()) refuse("PR_GET_TID_ADDRESS", errno);
  for (StepFailure step :
       {build_filter(kind, zygote_filter), build_filter(sandbox::FilterKind::run, kit.filter)}) {
    if (step) refuse(step.step, step.error);
  }
  if (!prepare_for_forks()) refuse("prepare Python for forks", EPROTO);
  // Or the first large allocation of each copy would tidy up the whole heap, and so copy it.
  ::malloc_trim(0);
  if (const StepFailure step = merge_library_mappings()) refuse(step.step, step.error);
  ZygoteReply ready;
  if (const StepFailure step = remap_dirty_memory(ready.memory)) refuse(step.step, step.error);
  StepFailure rehearsed;
  kit.hot_pages = learn_hot_pages(rehearse_run, rehearsed);
  if (rehearsed) refuse(rehearsed.step, rehearsed.error);
  // Only now: whose pages are whose is told to dumpable processes alone.
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) refuse("PR_SET_DUMPABLE", errno);
  if (const StepFailure step = sandbox::install_filter(zygote_filter))
    refuse(step.step, step.error);
  if (kit.hot_pages != nullptr) ready.copied = kit.hot_pages->bytes();
  if (!sandbox::send_packet(sandbox::kZygoteSocket, ready)) ::_exit(0);
  serve(births);
}

}  // namespace
}  // namespace mecapy::zygote

int main(int count, char** arguments) {
  using namespace mecapy::zygote;
  auto given = read_arguments(count, arguments);
  if (!given) refuse("started with too few arguments", 0);
  live(std::move(*given));
}
