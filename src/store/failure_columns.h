// A run's failure as columns; NULLs when there is none.
#pragma once

#include <soci/soci.h>

#include <optional>
#include <string>

#include "model/outcome.h"
#include "store/column.h"

namespace mecapy::store {

// For "failure_code = :code, failure_message = :message, failure_traceback = :traceback,
// failure_line = :line, failure_column = :column".
struct FailureColumns {
  Nullable<std::string> code, message, traceback;
  Nullable<int> line, column;

  explicit FailureColumns(const std::optional<model::Failure>& failure);
  // The variables must live until the statement has run.
  void use_in(soci::statement& statement) const;
};

}  // namespace mecapy::store
