#include "main/parts.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "main/data_folder.h"

namespace mecapy::main {
namespace {

void tell_of_database(const std::optional<std::string>& trouble) {
  if (trouble) {
    spdlog::error("{}", *trouble);
  } else {
    spdlog::info("the database can be reached again");
  }
}

}  // namespace

Result<std::unique_ptr<store::Store>> open_store(const config::Settings& settings,
                                                 std::shared_ptr<const base::Clock> clock) {
  if (!shares_store(settings)) {
    return store::open_sqlite(DataFolder{settings.data_dir}.database(), std::move(clock));
  }
  store::PostgresOptions options;
  options.url = settings.database_url;
  options.connections = static_cast<int>(settings.database_connections);
  options.on_change = tell_of_database;
  return store::open_postgres(std::move(options), std::move(clock));
}

bool shares_store(const config::Settings& settings) { return !settings.database_url.empty(); }

}  // namespace mecapy::main
