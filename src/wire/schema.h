// The shape of every JSON object of the contracts, as tables: the parser of requests checks against
// them, and OpenAPI is made from them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/limits.h"

namespace mecapy::wire {

enum class FieldType : std::uint8_t {
  text,     // string; min and max are its length in bytes
  uuid,     // string holding a UUID
  time,     // string, RFC 3339 UTC
  number,   // finite number within [min, max]
  integer,  // whole number within [min, max]
  boolean,
  object,       // any JSON object, carried as bytes
  any,          // any JSON value, carried as bytes
  none,         // null
  outcome,      // name of an outcome code
  error,        // name of an error code
  status,       // name of a run's status
  text_list,    // array of at most `max` strings of 1-64 bytes
  limits,       // object of the limit table's names
  nested,       // object of the shape `nested`
  nested_list,  // array of objects of the shape `nested`
  nested_map,   // object whose members, by names of at most 200 characters, are of the shape
                // `nested`; at most `max`
  choice,       // one of the words of `nested`: "fail, skip or default"
  integer_map   // object whose members, at most 1000, are whole numbers within [min, max]
};

enum class Need : std::uint8_t { required, optional };
enum class Null : std::uint8_t { refused, allowed };

struct FieldSpec {
  std::string_view name;
  FieldType type;
  Need need;
  std::string_view meaning;
  double min = 0;
  double max = 0;
  std::string_view nested = {};  // name of the ObjectSpec; the words of a choice
  Null null = Null::refused;     // of a scalar or nested field of a request
};

// An optional field that is there only where one of others is.
struct Beside {
  std::string_view field;
  std::vector<std::string_view> others;
};

struct ObjectSpec {
  std::string_view name;  // in OpenAPI components/schemas
  std::string_view meaning;
  std::vector<FieldSpec> fields;
  std::vector<std::string_view> one_of = {};  // optional fields, of which exactly one is there
  std::vector<Beside> beside = {};
};

// The words that a choice is one of.
std::vector<std::string_view> choices_of(const FieldSpec& spec);

// Every shape, requests first. find_spec aborts on an unknown name: names are ours.
const std::vector<ObjectSpec>& object_specs();
const ObjectSpec& find_spec(std::string_view name);

// A request body that fits its spec.
class Fields {
 public:
  bool has(std::string_view name) const { return raw_.contains(name); }
  bool is_null(std::string_view name) const;  // false when absent
  // Absent fields and nulls give nothing.
  std::optional<std::string> text(std::string_view name) const;
  std::optional<double> number(std::string_view name) const;
  std::optional<int> integer(std::string_view name) const;
  std::optional<std::string> raw(std::string_view name) const;
  std::optional<std::vector<std::string>> text_list(std::string_view name) const;
  std::optional<Fields> nested(std::string_view name) const;
  // In the order of the body; none when the field is absent.
  std::vector<std::pair<std::string, Fields>> nested_map(std::string_view name) const;
  std::vector<std::pair<std::string, int>> integer_map(std::string_view name) const;
  // `base` with the given members of the limits object in place.
  model::Limits limits(std::string_view name, model::Limits base) const;

 private:
  friend Result<Fields> read_fields(std::string_view body, const ObjectSpec& spec,
                                    const model::Limits& ceilings);
  std::map<std::string, std::string_view, std::less<>> raw_;  // into the body
};

// Checks `body` (untrusted) against `spec`: valid JSON, an object, every field known, of its type
// and in its range, required ones there. All problems at once, each with its pointer; an unknown
// field names the nearest known one. The result points into `body`, which must outlive it.
Result<Fields> read_fields(std::string_view body, const ObjectSpec& spec);
// The same, with limits over their ceilings among the problems.
Result<Fields> read_fields(std::string_view body, const ObjectSpec& spec,
                           const model::Limits& ceilings);

// components/schemas of OpenAPI, a JSON object.
std::string openapi_schemas();

}  // namespace mecapy::wire
