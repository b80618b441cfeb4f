#include "store/claim_row.h"

#include <algorithm>

#include "store/column.h"
#include "store/rows.h"
#include "store/text_codec.h"

namespace mecapy::store {
namespace {

using soci::use;

constexpr Sql kCode =
    "SELECT limits, code FROM task_versions WHERE task_id = :task AND number = :number";

}  // namespace

void ClaimRow::into(soci::statement& statement) {
  for (std::string* text : {&id, &task, &owner}) statement.exchange(soci::into(*text));
  statement.exchange(soci::into(version));
  statement.exchange(soci::into(attempt));
  statement.exchange(soci::into(inputs_key));
  statement.exchange(soci::into(inputs));
  statement.exchange(soci::into(queued_at));
  statement.exchange(soci::into(checkpoint_attempt));
  statement.exchange(soci::into(checkpoint_number));
  statement.exchange(soci::into(checkpoint_bytes));
  statement.exchange(soci::into(checkpoint_sha256));
  statement.exchange(soci::into(own_limits));
}

model::Job ClaimRow::job(Connection& connection, base::TimePoint now) const {
  model::Job job;
  std::string limits;
  connection.one_row(kCode, soci::into(limits), soci::into(job.code), use(task, "task"),
                     use(version, "number"));
  job.run_id = trusted_id<model::RunId>(id);
  job.task_id = trusted_id<model::TaskId>(task);
  job.user = owner;
  job.attempt = attempt;
  job.inputs = {.inline_bytes = inputs, .key = inputs_key};
  job.limits = decode_limits(own_limits.empty() ? limits : own_limits);
  if (checkpoint_number > 0) {
    job.checkpoint = model::Checkpoint{
        checkpoint_attempt, checkpoint_number, checkpoint_bytes, checkpoint_sha256, {}};
  }
  job.waited = std::max(now - from_us(queued_at), std::chrono::microseconds(0));
  return job;
}

}  // namespace mecapy::store
