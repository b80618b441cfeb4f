// Artifacts of a run as files: whole and right, or not there.
#pragma once

#include <cstdint>
#include <string>

#include "client/answers.h"
#include "client/api.h"

namespace mecapy::client {

enum class Existing : std::uint8_t { keep, replace };
enum class Kept : std::uint8_t { fetched, was_there };

// Writes the artifact below `folder`, which is there: beside its place first, and into it when it
// has the size and the SHA-256 that the run tells. No link in the way is followed. A file there
// with the same bytes stays; one with others is a conflict unless it may be replaced. usage for a
// name that is none or leads elsewhere; unavailable for bytes that are not those of the run.
awaitable<Result<Kept>> download(Api& api, std::string run_id, Artifact artifact,
                                 std::string folder, Existing existing);

// The same with bytes that are here already, as the file `path`, which the caller names himself:
// what stands before its last part must be there.
Result<Kept> keep_bytes(const std::string& path, std::string_view bytes, Existing existing);

}  // namespace mecapy::client
