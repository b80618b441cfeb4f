// YAML as JSON: what people write by hand becomes what a server takes.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mecapy::cli {

struct YamlAsJson {
  std::string json;
  // The line (1-based) that each member and item begins on, by its JSON pointer; those that stand
  // in few others only.
  std::map<std::string, int, std::less<>> lines;
};

// The one document of `yaml`, by the core schema of YAML 1.2: `yes` and `12:30` are text, numbers
// keep their digits, as far as JSON can write them so. Deeper than 100 levels, keys that are given
// twice or are no text, anchors, aliases, merges and tags, numbers that JSON has not, and bytes
// that are not UTF-8: invalid_fields, with `file`, line and column. So is what is no YAML, with the
// line of the mistake that it comes from (yaml_fault.h), or the one that the parser stopped at.
Result<YamlAsJson> yaml_as_json(std::string_view yaml, const std::string& file);

}  // namespace mecapy::cli
