#include "wire/schema.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <cmath>

#include "base/id.h"
#include "base/json.h"
#include "base/listed.h"
#include "base/problems.h"
#include "base/utf8.h"
#include "wire/json.h"
#include "wire/run_parts.h"

namespace mecapy::wire {
namespace {

namespace json = boost::json;
using base::pointer_to;
using base::Problems;

// Of maps.
constexpr double kMostIntegers = 1000;
constexpr std::size_t kLongestName = 200;  // characters

json::value parse_value(std::string_view raw) {
  json::error_code ec;
  json::value value = json::parse(raw, ec);
  return ec ? json::value() : value;
}

std::string range_text(const FieldSpec& spec) {
  return "between " + number_text(spec.min) + " and " + number_text(spec.max);
}

}  // namespace

std::vector<std::string_view> choices_of(const FieldSpec& spec) {
  std::vector<std::string_view> words;
  std::string_view rest = spec.nested;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(", "), rest.find(" or "));
    words.push_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + (rest[end] == ',' ? 2 : 4));
  }
  return words;
}

namespace {

// What is wrong with a value of a scalar type; "" when nothing is.
std::string scalar_problem(const FieldSpec& spec, const json::value& value) {
  switch (spec.type) {
    case FieldType::text:
      if (!value.is_string()) return "must be a string";
      if (const auto n = static_cast<double>(value.get_string().size()); n < spec.min) {
        return "must not be empty";
      } else if (n > spec.max) {
        return "is " + number_text(n) + " bytes long, the limit is " + number_text(spec.max);
      }
      if (value.get_string().find('\0') != json::string::npos)
        return "must not hold a zero character";
      return "";
    case FieldType::uuid:
      return value.is_string() && base::is_uuid(value.get_string()) ? "" : "must be a UUID";
    case FieldType::boolean:
      return value.is_bool() ? "" : "must be true or false";
    case FieldType::choice: {
      const auto words = choices_of(spec);
      const bool known =
          value.is_string() &&
          std::ranges::find(words, std::string_view(value.get_string())) != words.end();
      return known ? "" : "must be " + std::string(spec.nested);
    }
    case FieldType::number:
    case FieldType::integer: {
      if (!value.is_number()) return "must be a number";
      const double n = value.to_number<double>();
      if (spec.type == FieldType::integer && n != std::floor(n)) return "must be a whole number";
      return n >= spec.min && n <= spec.max ? "" : "must be " + range_text(spec);
    }
    default:
      return "";
  }
}

void check_text_list(const FieldSpec& spec, std::string_view raw, const std::string& pointer,
                     Problems& problems) {
  const json::value value = parse_value(raw);
  if (!value.is_array()) {
    problems.tell(pointer, "must be an array of strings");
    return;
  }
  if (static_cast<double>(value.get_array().size()) > spec.max) {
    problems.tell(pointer, "must hold at most " + number_text(spec.max) + " strings");
    return;
  }
  for (std::size_t i = 0; i < value.get_array().size(); ++i) {
    const FieldSpec item{"", FieldType::text, Need::required, "", 1, 64};
    const std::string problem = scalar_problem(item, value.get_array()[i]);
    if (!problem.empty()) problems.tell(pointer + "/" + std::to_string(i), problem);
  }
}

std::string limit_member_problem(const Member& member, const model::Limits& ceilings,
                                 Problems& problems) {
  const auto& table = model::limit_table();
  const auto row = std::ranges::find(table, member.key, &model::LimitRow::name);
  if (row == table.end()) {
    std::vector<std::string_view> names;
    for (const model::LimitRow& known : table) names.push_back(known.name);
    return "unknown limit" + problems.instead(member.key, names);
  }
  const json::value value = parse_value(member.raw);
  if (!value.is_number()) return "must be a number";
  return model::limit_problem(*row, value.to_number<double>(), ceilings.*row->field);
}

void check_limits_object(std::string_view raw, const std::string& pointer,
                         const model::Limits& ceilings, Problems& problems) {
  const auto members = object_members(raw);
  if (!members) {
    problems.tell(pointer, members.error().message);
    return;
  }
  for (const Member& member : *members) {
    const std::string problem = limit_member_problem(member, ceilings, problems);
    if (!problem.empty()) problems.tell(pointer_to(pointer, member.key), problem);
  }
}

// Members of an object of the shape `spec`, by name; what is wrong with it goes to `problems`.
std::map<std::string, std::string_view, std::less<>> check_object(
    const std::vector<Member>& members, const ObjectSpec& spec, const std::string& pointer,
    const model::Limits& ceilings, Problems& problems);

void check_nested(const FieldSpec& spec, std::string_view raw, const std::string& pointer,
                  const model::Limits& ceilings, Problems& problems) {
  if (raw.front() != '{') {
    problems.tell(pointer, "must be a JSON object");
  } else if (const auto members = object_members(raw); !members) {
    problems.tell(pointer, members.error().message);
  } else {
    check_object(*members, find_spec(spec.nested), pointer, ceilings, problems);
  }
}

// Each member of the object is looked at by `check_member`.
template <class CheckMember>
void check_map(const FieldSpec& spec, std::string_view raw, const std::string& pointer,
               Problems& problems, CheckMember check_member) {
  const bool nested = spec.type == FieldType::nested_map;
  const auto members = object_members(raw, nested ? Doubled::kept : Doubled::refused);
  if (!members) {
    const auto& at = members.error().problems;
    problems.tell(at.empty() ? pointer : pointer + at.front().pointer, members.error().message);
    return;
  }
  const double most = nested ? spec.max : kMostIntegers;
  if (static_cast<double>(members->size()) > most) {
    problems.tell(pointer, "must have at most " + number_text(most) + " members");
    return;
  }
  for (const Member& member : *members) {
    const std::string_view name = base::first_characters(member.key, kLongestName);
    if (name == member.key) {
      check_member(member.raw, pointer_to(pointer, member.key));
    } else {
      problems.tell(pointer_to(pointer, name),
                    "its name is longer than " + std::to_string(kLongestName) + " characters");
    }
  }
}

void check_field(const FieldSpec& spec, std::string_view raw, const std::string& pointer,
                 const model::Limits& ceilings, Problems& problems) {
  if (spec.null == Null::allowed && raw == "null") return;
  switch (spec.type) {
    case FieldType::any:
      return;
    case FieldType::object:
      if (raw.front() != '{') problems.tell(pointer, "must be a JSON object");
      return;
    case FieldType::text_list:
      return check_text_list(spec, raw, pointer, problems);
    case FieldType::limits:
      return check_limits_object(raw, pointer, ceilings, problems);
    case FieldType::nested:
      return check_nested(spec, raw, pointer, ceilings, problems);
    case FieldType::nested_map:
      return check_map(spec, raw, pointer, problems, [&](std::string_view one, const auto& place) {
        check_nested(spec, one, place, ceilings, problems);
      });
    case FieldType::integer_map: {
      FieldSpec number = spec;
      number.type = FieldType::integer;
      return check_map(spec, raw, pointer, problems, [&](std::string_view one, const auto& place) {
        check_field(number, one, place, ceilings, problems);
      });
    }
    default:
      break;
  }
  // A wrong type is told from the first byte, so that a huge wrong value is not parsed again.
  if (raw.front() == '{' || raw.front() == '[') {
    problems.tell(pointer, "must not be an object or an array");
    return;
  }
  const std::string problem = scalar_problem(spec, parse_value(raw));
  if (!problem.empty()) problems.tell(pointer, problem);
}

const FieldSpec* find_field(const ObjectSpec& spec, std::string_view name) {
  const auto it = std::ranges::find(spec.fields, name, &FieldSpec::name);
  return it == spec.fields.end() ? nullptr : &*it;
}

std::string unknown_field(const ObjectSpec& spec, std::string_view name, Problems& problems) {
  std::vector<std::string_view> names;
  for (const FieldSpec& field : spec.fields) names.push_back(field.name);
  return "unknown field" + problems.instead(name, names);
}

std::map<std::string, std::string_view, std::less<>> check_object(
    const std::vector<Member>& members, const ObjectSpec& spec, const std::string& pointer,
    const model::Limits& ceilings, Problems& problems) {
  std::map<std::string, std::string_view, std::less<>> raw;
  for (const Member& member : members) {
    const FieldSpec* field = find_field(spec, member.key);
    const std::string place = pointer_to(pointer, member.key);
    if (field == nullptr) {
      problems.tell(place, unknown_field(spec, member.key, problems));
      continue;
    }
    check_field(*field, member.raw, place, ceilings, problems);
    raw.emplace(member.key, member.raw);
  }
  for (const FieldSpec& field : spec.fields) {
    if (field.need == Need::required && !raw.contains(field.name)) {
      problems.tell(pointer_to(pointer, field.name), "is required");
    }
  }
  const auto is_there = [&](std::string_view name) { return raw.contains(name); };
  if (!spec.one_of.empty() && std::ranges::count_if(spec.one_of, is_there) != 1) {
    problems.tell(pointer, "must have exactly one of " + base::listed(spec.one_of, " and "));
    return raw;
  }
  for (const Beside& one : spec.beside) {
    if (!is_there(one.field) || std::ranges::any_of(one.others, is_there)) continue;
    problems.tell(pointer_to(pointer, one.field),
                  "is for " + base::listed(one.others, " and ") + " only");
  }
  return raw;
}

}  // namespace

Result<Fields> read_fields(std::string_view body, const ObjectSpec& spec) {
  return read_fields(body, spec, model::no_ceilings());
}

Result<Fields> read_fields(std::string_view body, const ObjectSpec& spec,
                           const model::Limits& ceilings) {
  if (const auto valid = validate_json(body); !valid) return valid.error();
  const auto members = object_members(body);
  if (!members) return members.error();
  Problems problems;
  Fields fields;
  fields.raw_ = check_object(*members, spec, "", ceilings, problems);
  if (problems.empty()) return fields;
  return Error{ErrorCode::invalid_fields, "some fields are wrong", std::move(problems).all()};
}

std::optional<std::string> Fields::raw(std::string_view name) const {
  const auto it = raw_.find(name);
  if (it == raw_.end()) return std::nullopt;
  return std::string(it->second);
}

bool Fields::is_null(std::string_view name) const {
  const auto it = raw_.find(name);
  return it != raw_.end() && it->second == "null";
}

std::optional<std::string> Fields::text(std::string_view name) const {
  const auto it = raw_.find(name);
  if (it == raw_.end() || it->second == "null") return std::nullopt;
  return std::string(parse_value(it->second).as_string());
}

std::optional<double> Fields::number(std::string_view name) const {
  const auto it = raw_.find(name);
  if (it == raw_.end() || it->second == "null") return std::nullopt;
  return parse_value(it->second).to_number<double>();
}

std::optional<int> Fields::integer(std::string_view name) const {
  const auto value = number(name);
  if (!value) return std::nullopt;
  return static_cast<int>(*value);
}

std::optional<std::vector<std::string>> Fields::text_list(std::string_view name) const {
  const auto it = raw_.find(name);
  if (it == raw_.end()) return std::nullopt;
  std::vector<std::string> out;
  const json::value list = parse_value(it->second);
  for (const json::value& item : list.as_array()) out.emplace_back(item.as_string());
  return out;
}

std::optional<Fields> Fields::nested(std::string_view name) const {
  const auto it = raw_.find(name);
  if (it == raw_.end() || it->second == "null") return std::nullopt;
  Fields inner;
  const auto members = object_members(it->second);
  for (const Member& member : *members) inner.raw_.emplace(member.key, member.raw);
  return inner;
}

std::vector<std::pair<std::string, Fields>> Fields::nested_map(std::string_view name) const {
  std::vector<std::pair<std::string, Fields>> all;
  const auto it = raw_.find(name);
  if (it == raw_.end()) return all;
  const auto members = object_members(it->second, Doubled::kept);
  for (const Member& member : *members) {
    Fields inner;
    const auto fields = object_members(member.raw);
    for (const Member& field : *fields) inner.raw_.emplace(field.key, field.raw);
    all.emplace_back(member.key, std::move(inner));
  }
  return all;
}

std::vector<std::pair<std::string, int>> Fields::integer_map(std::string_view name) const {
  std::vector<std::pair<std::string, int>> all;
  const auto it = raw_.find(name);
  if (it == raw_.end()) return all;
  const auto members = object_members(it->second);
  for (const Member& member : *members) {
    all.emplace_back(member.key, static_cast<int>(parse_value(member.raw).to_number<double>()));
  }
  return all;
}

model::Limits Fields::limits(std::string_view name, model::Limits base) const {
  const auto it = raw_.find(name);
  if (it == raw_.end()) return base;
  return read_limits(it->second, base);
}

}  // namespace mecapy::wire
