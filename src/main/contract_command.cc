// contract: the tables that the API, the command line and the documents share.
#include <cstdio>

#include "api/routes.h"
#include "main/commands.h"
#include "model/limits.h"
#include "model/outcome.h"
#include "wire/json.h"

namespace mecapy::main {
namespace {

using wire::ObjectWriter;

std::string outcomes() {
  std::vector<std::string> rows;
  for (const model::OutcomeRow& row : model::outcome_table()) {
    rows.push_back(std::move(ObjectWriter()
                                 .text("code", row.name)
                                 .text("fault", model::name(row.fault))
                                 .integer("exit_status", row.exit_code)
                                 .text("meaning", row.meaning))
                       .finish());
  }
  return wire::array_of(rows);
}

std::string errors() {
  std::vector<std::string> rows;
  for (const base::ErrorRow& row : base::error_table()) {
    rows.push_back(std::move(ObjectWriter()
                                 .text("code", row.name)
                                 .integer("http_status", row.http_status)
                                 .integer("exit_status", row.exit_code)
                                 .text("meaning", row.title)
                                 .boolean("in_answers", row.carried == base::Carried::in_answers))
                       .finish());
  }
  return wire::array_of(rows);
}

std::string limits() {
  const model::Limits ceilings = model::default_ceilings();
  const model::Limits defaults = model::lower_to(model::Limits{}, ceilings);
  std::vector<std::string> rows;
  for (const model::LimitRow& row : model::limit_table()) {
    rows.push_back(std::move(ObjectWriter()
                                 .text("name", row.name)
                                 .text("unit", row.unit)
                                 .number("default", defaults.*row.field)
                                 .number("least", row.min)
                                 .number("ceiling", ceilings.*row.field)
                                 .text("meaning", row.meaning))
                       .finish());
  }
  return wire::array_of(rows);
}

}  // namespace

int show_contract() {
  std::puts(std::move(ObjectWriter()
                          .raw("openapi", api::openapi_document())
                          .raw("outcomes", outcomes())
                          .raw("errors", errors())
                          .raw("limits", limits()))
                .finish()
                .c_str());
  return 0;
}

}  // namespace mecapy::main
