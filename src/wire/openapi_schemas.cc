#include "model/outcome.h"
#include "model/run.h"
#include "wire/json.h"
#include "wire/schema.h"

namespace mecapy::wire {
namespace {

std::string reference(std::string_view name) {
  return std::move(ObjectWriter().text("$ref", "#/components/schemas/" + std::string(name)))
      .finish();
}

std::string limits_schema() {
  ObjectWriter properties;
  const model::Limits defaults;
  for (const model::LimitRow& row : model::limit_table()) {
    const std::string unit = row.unit.empty() ? "" : ", " + std::string(row.unit);
    properties.raw(row.name, std::move(ObjectWriter()
                                           .text("type", row.whole ? "integer" : "number")
                                           .text("description", std::string(row.meaning) + unit)
                                           .number("minimum", row.min)
                                           .number("default", defaults.*row.field))
                                 .finish());
  }
  return std::move(ObjectWriter()
                       .text("type", "object")
                       .boolean("additionalProperties", false)
                       .raw("properties", std::move(properties).finish()))
      .finish();
}

std::string outcome_names() {
  std::vector<std::string> names;
  for (const model::OutcomeRow& row : model::outcome_table()) names.push_back(quote(row.name));
  return array_of(names);
}

std::string error_names() {
  std::vector<std::string> names;
  for (const base::ErrorRow& row : base::error_table()) {
    if (row.carried == base::Carried::in_answers) names.push_back(quote(row.name));
  }
  return array_of(names);
}

std::string status_names() {
  std::vector<std::string> names;
  for (const model::RunStatus status :
       {model::RunStatus::queued, model::RunStatus::running, model::RunStatus::completed,
        model::RunStatus::failed, model::RunStatus::cancelled}) {
    names.push_back(quote(model::name(status)));
  }
  return array_of(names);
}

void write_type(ObjectWriter& out, const FieldSpec& spec, std::string_view type) {
  if (spec.null == Null::refused) {
    out.text("type", type);
  } else {
    out.raw("type", array_of({quote(type), quote("null")}));
  }
}

std::string field_schema(const FieldSpec& spec) {
  ObjectWriter out;
  switch (spec.type) {
    case FieldType::text:
      write_type(out, spec, "string");
      if (spec.max > 0) out.number("minLength", spec.min).number("maxLength", spec.max);
      break;
    case FieldType::uuid:
      out.text("type", "string").text("format", "uuid");
      break;
    case FieldType::time:
      out.text("type", "string").text("format", "date-time");
      break;
    case FieldType::number:
    case FieldType::integer:
      write_type(out, spec, spec.type == FieldType::number ? "number" : "integer");
      if (spec.max > 0) out.number("minimum", spec.min).number("maximum", spec.max);
      break;
    case FieldType::boolean:
      out.text("type", "boolean");
      break;
    case FieldType::object:
      out.text("type", "object");
      break;
    case FieldType::any:
      break;
    case FieldType::outcome:
      out.text("type", "string").raw("enum", outcome_names());
      break;
    case FieldType::error:
      out.text("type", "string").raw("enum", error_names());
      break;
    case FieldType::status:
      out.text("type", "string").raw("enum", status_names());
      break;
    case FieldType::none:
      out.text("type", "null");
      break;
    case FieldType::text_list:
      out.text("type", "array").raw("items", R"({"type":"string"})");
      if (spec.max > 0) out.number("maxItems", spec.max);
      break;
    case FieldType::limits:
      return reference("Limits");
    case FieldType::nested:
      if (spec.null == Null::refused) return reference(spec.nested);
      out.raw("anyOf", array_of({reference(spec.nested), R"({"type":"null"})"}));
      break;
    case FieldType::nested_list:
      out.text("type", "array").raw("items", reference(spec.nested));
      break;
    case FieldType::nested_map:
      out.text("type", "object").raw("additionalProperties", reference(spec.nested));
      break;
    case FieldType::integer_map:
      out.text("type", "object").raw("additionalProperties", R"({"type":"integer"})");
      break;
    case FieldType::choice: {
      std::vector<std::string> words;
      for (const std::string_view word : choices_of(spec)) words.push_back(quote(word));
      out.text("type", "string").raw("enum", array_of(words));
      break;
    }
  }
  out.text("description", spec.meaning);
  return std::move(out).finish();
}

std::string object_schema(const ObjectSpec& spec) {
  ObjectWriter properties;
  std::vector<std::string> required;
  for (const FieldSpec& field : spec.fields) {
    properties.raw(field.name, field_schema(field));
    if (field.need == Need::required) required.push_back(quote(field.name));
  }
  ObjectWriter out;
  out.text("type", "object")
      .text("description", spec.meaning)
      .boolean("additionalProperties", false)
      .raw("properties", std::move(properties).finish());
  if (!required.empty()) out.raw("required", array_of(required));
  if (!spec.one_of.empty()) {
    std::vector<std::string> ways;
    for (const std::string_view name : spec.one_of) {
      ways.push_back(std::move(ObjectWriter().raw("required", array_of({quote(name)}))).finish());
    }
    out.raw("oneOf", array_of(ways));
  }
  return std::move(out).finish();
}

}  // namespace

std::string openapi_schemas() {
  ObjectWriter out;
  for (const ObjectSpec& spec : object_specs()) out.raw(spec.name, object_schema(spec));
  out.raw("Limits", limits_schema());
  return std::move(out).finish();
}

}  // namespace mecapy::wire
