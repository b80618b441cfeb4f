#include "store/failure_columns.h"

#include "store/text_codec.h"

namespace mecapy::store {

FailureColumns::FailureColumns(const std::optional<model::Failure>& failure) {
  if (!failure) return;
  code = Nullable<std::string>(std::optional(model::row(failure->code).name));
  message = Nullable<std::string>(std::optional(without_zeros(failure->message)));
  traceback = Nullable<std::string>(std::optional(without_zeros(failure->traceback)));
  line = Nullable<int>(failure->line);
  column = Nullable<int>(failure->column);
}

void FailureColumns::use_in(soci::statement& statement) const {
  statement.exchange(use(code, "code"));
  statement.exchange(use(message, "message"));
  statement.exchange(use(traceback, "traceback"));
  statement.exchange(use(line, "line"));
  statement.exchange(use(column, "column"));
}

}  // namespace mecapy::store
