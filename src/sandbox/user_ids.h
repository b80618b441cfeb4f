// The user and group ids of one sandbox: a block that nobody else on this machine has. Whoever else
// may become one of these users could signal a run and look into its memory.
//
// A block is ours for as long as its bytes are locked in one file: the offset is the id. So two
// sandboxes see each other whatever their first ids and sizes are, and a lock dies with its holder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

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

struct IdBlock {
  base::Fd lock;  // keep it open
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
