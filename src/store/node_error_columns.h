// Why a node of a workflow failed, as columns; NULLs where none did.
#pragma once

#include <soci/soci.h>

#include <optional>
#include <string>

#include "model/workflow_run.h"
#include "store/column.h"

namespace mecapy::store {

struct NodeErrorColumns {
  Nullable<std::string> code, message, run;
  Nullable<long long> element;

  NodeErrorColumns() = default;
  explicit NodeErrorColumns(const std::optional<model::NodeError>& error);
  // For :error_code, :error_message, :error_run, :error_element. The variables must live until the
  // statement has run.
  void use_in(soci::statement& statement) const;
  // Of the columns error_code, error_message, error_run, error_element.
  void into(soci::statement& statement);
  std::optional<model::NodeError> error() const;
};

}  // namespace mecapy::store
