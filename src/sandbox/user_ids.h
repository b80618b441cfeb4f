// The user and group ids of one sandbox: a block that nobody else on this machine has. Whoever else
// may become one of these users could signal a run and look into its memory.
//
// A block is ours for as long as its bytes are locked in one file: the offset is the id. So two
// sandboxes see each other whatever their first ids and sizes are, and a lock dies with its holder.
// The last one out removes the file; one that is killed leaves it, empty, to the next.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/fd.h"
#include "base/result.h"
#include "sandbox/sandbox.h"

namespace mecapy::sandbox {

// Where to look; tests have places of their own.
struct IdPlaces {
  std::string lock_folder = "/run/mecapy";  // made when it is not there
  std::string etc = "/etc";                 // passwd, group, subuid, subgid
};

// Ids that belong to somebody.
struct TakenIds {
  enum class Kind : std::uint8_t { user, group, subordinate, system, mecapy };
  Kind kind = Kind::system;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::string name{};  // of the user or group

  std::string words() const;  // "165536 to 231071 are subordinate ids of alice"
};

// The open file of locks. Whoever has it open holds byte 0 shared: who can have it alone may remove
// the file, which is what the end of a lock tries.
class IdLock {
 public:
  IdLock() = default;
  static Result<IdLock> open(const std::string& folder);
  ~IdLock();
  IdLock(IdLock&&) = default;
  IdLock& operator=(IdLock&&) = default;
  int get() const { return file_.get(); }

 private:
  IdLock(std::string folder, base::Fd file) : folder_(std::move(folder)), file_(std::move(file)) {}
  std::string folder_;
  base::Fd file_;
};

struct IdBlock {
  IdLock lock;  // keep it
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::optional<TakenIds> passed_over{};  // why the block does not begin where it was wanted
};

// How many ids a sandbox with these options has: the zygote's and one for each sandbox.
std::uint32_t ids_needed(const Options& options);

// Claims the first free block of `count` ids from `wanted` upwards. ErrorCode::sandbox when there
// is none, or when the lock cannot be kept. Users of a directory service are not seen.
Result<IdBlock> claim_ids(std::uint32_t wanted, std::uint32_t count, const IdPlaces& places = {});

// Whose `id` is by the files in /etc; nothing when it is nobody's.
std::optional<TakenIds> owner_of(std::uint32_t id, const IdPlaces& places = {});

}  // namespace mecapy::sandbox
