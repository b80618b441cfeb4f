#include "store/node_error_columns.h"

#include "store/rows.h"
#include "store/text_codec.h"

namespace mecapy::store {

NodeErrorColumns::NodeErrorColumns(const std::optional<model::NodeError>& error) {
  if (!error) return;
  code = Nullable<std::string>(std::optional(error->code));
  message = Nullable<std::string>(std::optional(without_zeros(error->message)));
  if (!error->run_id.empty()) run = Nullable<std::string>(std::optional(error->run_id.str()));
  element = Nullable<long long>(error->element);
}

void NodeErrorColumns::use_in(soci::statement& statement) const {
  statement.exchange(use(code, "error_code"));
  statement.exchange(use(message, "error_message"));
  statement.exchange(use(run, "error_run"));
  statement.exchange(use(element, "error_element"));
}

void NodeErrorColumns::into(soci::statement& statement) {
  statement.exchange(store::into(code));
  statement.exchange(store::into(message));
  statement.exchange(store::into(run));
  statement.exchange(store::into(element));
}

std::optional<model::NodeError> NodeErrorColumns::error() const {
  const auto why = code.get();
  if (!why) return std::nullopt;
  model::NodeError error{
      *why, message.get().value_or(""), trusted_id<model::RunId>(run.get().value_or("")), {}};
  if (const auto of = element.get()) error.element = static_cast<std::size_t>(*of);
  return error;
}

}  // namespace mecapy::store
