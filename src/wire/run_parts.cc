#include "wire/run_parts.h"

#include <boost/json/parse.hpp>
#include <cctype>
#include <cstdio>

#include "wire/json.h"

namespace mecapy::wire {

std::string estimate_json(const model::Estimate& estimate) {
  ObjectWriter out;
  out.number("duration_s", estimate.seconds).text("source", estimate.from);
  if (estimate.from == "history") out.integer("samples", estimate.samples);
  return std::move(out).finish();
}

std::string limits_json(const model::Limits& limits) {
  ObjectWriter out;
  for (const model::LimitRow& row : model::limit_table()) out.number(row.name, limits.*row.field);
  return std::move(out).finish();
}

model::Limits read_limits(std::string_view text, model::Limits base) {
  boost::json::error_code ec;
  const boost::json::value value = boost::json::parse(text, ec);
  if (ec || !value.is_object()) return base;
  for (const model::LimitRow& row : model::limit_table()) {
    const boost::json::value* given = value.get_object().if_contains(row.name);
    if (given != nullptr && given->is_number()) base.*row.field = given->to_number<double>();
  }
  return base;
}

std::string url_path(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '-' || c == '_' ||
        c == '.') {
      out += c;
    } else {
      char hex[4];
      std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned char>(c));
      out += hex;
    }
  }
  return out;
}

}  // namespace mecapy::wire
