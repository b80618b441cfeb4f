// config.
#include <cstdio>

#include "cli/text.h"
#include "main/commands.h"
#include "wire/json.h"

namespace mecapy::main {

int show_config(const config::Loaded& loaded, ConfigFormat format) {
  std::vector<std::vector<std::string>> rows = {
      {"SETTING", "VALUE", "FROM", "DEFAULT", "TYPE", "ENVIRONMENT", "MEANING"}};
  std::vector<std::string> items;
  const config::Settings defaults;
  for (const config::SettingRow& row : config::setting_table()) {
    const auto origin = loaded.origin.find(row.name);
    const std::string from = origin == loaded.origin.end() ? "default" : origin->second;
    const std::string value = config::shown(row, loaded.settings);
    const std::string usual =
        row.name == "data_dir" ? config::default_data_dir() : config::shown(row, defaults);
    rows.push_back({row.name, value.empty() ? "-" : value, from, usual.empty() ? "-" : usual,
                    std::string(row.type()), row.environment(), row.meaning});
    items.push_back(std::move(wire::ObjectWriter()
                                  .text("name", row.name)
                                  .text("value", value)
                                  .text("from", from)
                                  .text("default", usual)
                                  .text("type", row.type())
                                  .text("environment", row.environment())
                                  .text("meaning", row.meaning))
                        .finish());
  }
  if (format == ConfigFormat::table) {
    for (auto& row : rows) row.resize(3);
  }
  std::fputs(format == ConfigFormat::json ? (wire::array_of(items) + "\n").c_str()
                                          : cli::table(rows).c_str(),
             stdout);
  if (format == ConfigFormat::table) {
    std::puts("mecapy config --all adds defaults, types, variables and meanings.");
  }
  return 0;
}

}  // namespace mecapy::main
