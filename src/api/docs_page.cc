// The page of the contract: made from the tables of routes, shapes, errors and outcomes. It loads
// nothing, so it works offline.
#include "api/routes.h"
#include "model/limits.h"
#include "model/outcome.h"
#include "wire/json.h"
#include "wire/schema.h"

namespace mecapy::api {
namespace {

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string cell(const std::string& html) { return "<td>" + html + "</td>"; }
std::string code(std::string_view text) { return "<code>" + escape(text) + "</code>"; }
std::string schema_link(std::string_view name) {
  return "<a href=\"#" + escape(name) + "\">" + escape(name) + "</a>";
}

constexpr std::string_view kHead = R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>MecaPy API</title><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}
h1{margin-bottom:0}h2{margin-top:2.5rem;border-bottom:1px solid #ccc}h3{margin:1.5rem 0 .3rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}td,th{text-align:left;vertical-align:top;
padding:.3rem .6rem;border-bottom:1px solid #e4e4e4}code,pre{background:#f4f4f2;border-radius:3px}
code{padding:.1em .3em}pre{padding:.8rem;overflow:auto}.m{font-weight:600;color:#0a5}nav a{margin-right:1rem}
@media(prefers-color-scheme:dark){body{background:#161616;color:#e8e8e8}code,pre{background:#262626}
a{color:#7ab8ff}td,th{border-color:#333}h2{border-color:#444}}
</style></head><body><h1>MecaPy API</h1>
<p>You hand over <code>calculate(inputs)</code>; it runs isolated, and the answer says what happened.
The same contract for programs: <a href="/api/openapi.json">/api/openapi.json</a> (OpenAPI 3.1).</p>
<nav><a href="#start">First calculation</a><a href="#routes">Routes</a><a href="#limits">Limits</a>
<a href="#values">Values</a>
<a href="#outcomes">Outcomes</a><a href="#errors">Errors</a><a href="#shapes">Shapes</a></nav>
<h2 id="start">First calculation</h2>
<pre>export MECAPY_URL=http://127.0.0.1:8080   # where this page is
export MECAPY_TOKEN=...                   # serve tells where it is kept; mecapy token NAME makes another
curl -s "$MECAPY_URL/api/tasks/execute?wait=30" \
  -H "Authorization: Bearer $MECAPY_TOKEN" -H "Content-Type: application/json" \
  -d '{"code": "def calculate(inputs):\n    return {\"stress\": inputs[\"force\"] / inputs[\"section\"]}",
       "inputs": {"force": 1000, "section": 10}}'</pre>
)html";

std::string rules() {
  return "<p>Every request carries <code>Authorization: Bearer TOKEN</code>. A POST with an "
         "<code>Idempotency-Key</code> can be repeated safely: the key is remembered for " +
         std::to_string(kKeyLife.count()) +
         " h. Lists are read page by page with <code>cursor</code>; they hold no code, inputs or "
         "results. Errors are <code>application/problem+json</code> (RFC 9457).</p>";
}

std::string routes_section() {
  std::string out =
      "<h2 id=\"routes\">Routes</h2><table><tr><th>Request</th><th>What it does</th>"
      "<th>Body</th><th>Answer</th></tr>";
  for (const Route& route : route_table()) {
    std::string query;
    for (const QuerySpec& q : route.query) {
      query += "<br>" + code("?" + std::string(q.name)) + " " + escape(q.meaning);
    }
    std::string answers;
    for (const Answers& answer : route.answers) {
      if (!answers.empty()) answers += "<br>";
      answers += std::to_string(answer.status) + " " +
                 (answer.schema.empty() ? escape(answer.media) : schema_link(answer.schema));
    }
    out +=
        "<tr>" +
        cell("<span class=\"m\">" + std::string(route.method) + "</span> " + code(route.pattern)) +
        cell(escape(route.summary) + query) +
        cell(route.body.empty() ? "" : schema_link(route.body)) + cell(answers) + "</tr>";
  }
  return out + "</table>";
}

std::string limits_section(const model::Limits& ceilings) {
  std::string out =
      "<h2 id=\"limits\"><a id=\"Limits\"></a>Limits</h2><p>A task asks for what it needs, up to "
      "the ceilings "
      "the operator has set.</p><table><tr><th>Name</th><th>Default</th><th>Ceiling</th>"
      "<th>Meaning</th></tr>";
  const model::Limits defaults = model::lower_to(model::Limits{}, ceilings);
  for (const model::LimitRow& row : model::limit_table()) {
    out += "<tr>" + cell(code(row.name)) +
           cell(wire::number_text(defaults.*row.field) + " " + escape(row.unit)) +
           cell(wire::number_text(ceilings.*row.field) + " " + escape(row.unit)) +
           cell(escape(row.meaning)) + "</tr>";
  }
  return out + "</table>";
}

struct ValueRow {
  std::string_view value;
  std::string_view json;
};

// What runtime/python/mecapy/_encoding.py writes and _decoding.py reads.
constexpr ValueRow kValues[] = {
    {"nan, inf, -inf", R"({"$type": "float", "value": "nan" | "inf" | "-inf"})"},
    {"complex", R"({"$type": "complex", "value": [re, im]}; a part that is not finite as text)"},
    {"numpy array",
     R"({"$type": "ndarray", "dtype": "float64", "shape": [2, 3], "data": [...]}: flat, row by row;)"
     R"( a masked array has "mask" as well)"},
    {"numpy datetime64, timedelta64",
     R"({"$type": "datetime64" | "timedelta64", "dtype": "datetime64[s]", "value": ISO text | count)"
     R"( | null}; a Timedelta of pandas has "pandas": true as well)"},
    {"pandas DataFrame",
     R"({"$type": "dataframe", "columns": [...], "index": [...], "data": [one array a column],)"
     R"( "dtypes": [...], "column_names": [...], "index_names": [...], "index_dtype": ...}; an)"
     R"( index of several levels has no index_dtype, one of times in steps also "index_freq": "D")"},
    {"pandas Series",
     R"({"$type": "series", "name": ..., "index": [...], "data": [...], "dtype": ...,)"
     R"( "index_names": [...], "index_dtype": ...})"},
    {"pandas Index",
     R"({"$type": "index", "index": [...], "index_names": [...], "index_dtype": ...})"},
    {"pandas dtype of categories", R"({"categories": [...], "dtype": ..., "ordered": false})"},
    {"pandas Timestamp",
     R"({"$type": "timestamp", "value": ISO text}; at a place also "zone": "Europe/Paris")"},
    {"pandas NaT, NA", R"({"$type": "nat"}, {"$type": "na"})"},
    {"datetime, date, time",
     R"({"$type": "datetime" | "date" | "time", "value": ISO text}; at a place also "zone")"},
    {"timedelta", R"({"$type": "timedelta", "microseconds": count})"},
    {"bytes", R"({"$type": "bytes", "value": base64})"},
    {"set, frozenset", R"({"$type": "set" | "frozenset", "value": [...]})"},
    {"Decimal, Fraction", R"({"$type": "decimal" | "fraction", "value": text})"},
    {"dict with keys that are not text", R"({"$type": "dict", "items": [[key, value], ...]})"},
    {"matplotlib figure", R"({"$type": "artifact", "name": file name}; results only)"},
};

std::string values_section() {
  std::string out =
      "<h2 id=\"values\">Values</h2><p>Inputs and results are JSON. What JSON cannot say is an "
      "object with a <code>$type</code>, in both directions. numpy scalars are plain numbers, "
      "tuples arrays, dataclasses objects.</p><table><tr><th>Python</th><th>JSON</th></tr>";
  for (const ValueRow& row : kValues) {
    out += "<tr>" + cell(escape(row.value)) + cell(code(row.json)) + "</tr>";
  }
  return out + "</table>";
}

std::string outcomes_section() {
  std::string out =
      "<h2 id=\"outcomes\">Outcomes</h2><p>A failed run carries exactly one of these. Only "
      "the platform's are tried again by themselves.</p><table><tr><th>Code</th>"
      "<th>Whose fault</th><th>Meaning</th></tr>";
  for (const model::OutcomeRow& row : model::outcome_table()) {
    out += "<tr>" + cell(code(row.name)) + cell(escape(model::name(row.fault))) +
           cell(escape(row.meaning)) + "</tr>";
  }
  return out + "</table>";
}

std::string errors_section() {
  std::string out =
      "<h2 id=\"errors\">Errors</h2><table><tr><th>Code</th><th>Status</th>"
      "<th>Meaning</th></tr>";
  for (const base::ErrorRow& row : base::error_table()) {
    if (row.carried != base::Carried::in_answers) continue;
    out += "<tr id=\"" + std::string(row.name) + "\">" + cell(code(row.name)) +
           cell(std::to_string(row.http_status)) + cell(escape(row.title)) + "</tr>";
  }
  return out + "</table>";
}

std::string shapes_section() {
  std::string out = "<h2 id=\"shapes\">Shapes</h2>";
  for (const wire::ObjectSpec& spec : wire::object_specs()) {
    out += "<h3 id=\"" + std::string(spec.name) + "\">" + escape(spec.name) + "</h3><p>" +
           escape(spec.meaning) + "</p><table>";
    for (const wire::FieldSpec& field : spec.fields) {
      const bool required = field.need == wire::Need::required;
      out += "<tr>" + cell(code(field.name)) + cell(required ? "required" : "") +
             cell(escape(field.meaning) +
                  (field.nested.empty() ? "" : " (" + schema_link(field.nested) + ")")) +
             "</tr>";
    }
    out += "</table>";
  }
  return out;
}

}  // namespace

std::string contract_page(const model::Limits& ceilings, Documents documents) {
  const std::string guides =
      documents == Documents::there ? "<p><a href=\"/docs/\">Guides and references</a></p>" : "";
  return std::string(kHead) + guides + rules() + routes_section() + limits_section(ceilings) +
         values_section() + outcomes_section() + errors_section() + shapes_section() +
         "</body></html>";
}

}  // namespace mecapy::api
