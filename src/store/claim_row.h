// The row of a run as a claim finds it, on its way to the job of an attempt.
#pragma once

#include <soci/soci.h>

#include <string>

#include "base/clock.h"
#include "model/run.h"
#include "store/connection.h"

namespace mecapy::store {

// What a claim's statement returns, in this order.
inline constexpr char kClaimColumns[] =
    "id, task_id, owner, version, attempt, inputs_key, inputs, queued_at, checkpoint_attempt,"
    " checkpoint_number, checkpoint_bytes, checkpoint_sha256, own_limits";

struct ClaimRow {
  std::string id, task, owner;
  int version = 0, attempt = 0;
  std::string inputs_key, inputs;
  long long queued_at = 0;
  int checkpoint_attempt = 0;
  long long checkpoint_number = 0, checkpoint_bytes = 0;
  std::string checkpoint_sha256, own_limits;

  void into(soci::statement& statement);
  // With the code of its version and, where the run has none of its own, the limits: both are read.
  model::Job job(Connection& connection, base::TimePoint now) const;
};

}  // namespace mecapy::store
