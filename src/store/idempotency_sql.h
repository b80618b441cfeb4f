// Idempotency keys: the SQL every dialect shares.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "store/connection.h"
#include "store/store.h"

namespace mecapy::store {

// What a key leads to. A key that was used for a task does not lead to a run.
inline constexpr char kTaskKind[] = "task";
inline constexpr char kRunKind[] = "run";
inline constexpr char kWorkflowKind[] = "workflow";
inline constexpr char kWorkflowRunKind[] = "workflow run";

struct KeyUse {
  std::string owner;
  std::string kind;
  std::string resource_id;  // what the request is about to make
  base::TimePoint now{};
};

// Takes `key` for use.resource_id: nothing when it was free (or absent). When an earlier request
// took it, the id of what that one made, or idempotency_mismatch when that request was another one.
// The key is given back when the transaction is rolled back.
Result<std::optional<std::string>> take_key(Connection& connection,
                                            const std::optional<Idempotency>& key,
                                            const KeyUse& use);

// What take_key would find, without taking anything.
Result<std::optional<std::string>> find_key(Connection& connection, const Idempotency& key,
                                            const std::string& owner, const std::string& kind);

void prune_keys(Connection& connection, base::TimePoint before);

}  // namespace mecapy::store
