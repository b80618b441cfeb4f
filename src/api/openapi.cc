#include "api/routes.h"
#include "wire/json.h"
#include "wire/schema.h"

namespace mecapy::api {
namespace {

using wire::ObjectWriter;

std::string reference(std::string_view schema) {
  return std::move(ObjectWriter().text("$ref", "#/components/schemas/" + std::string(schema)))
      .finish();
}

// A media type object with `schemas`: none, one, or one of several.
std::string media_object(const std::vector<std::string>& schemas) {
  ObjectWriter type;
  if (schemas.size() == 1) type.raw("schema", schemas.front());
  if (schemas.size() > 1) {
    type.raw("schema", std::move(ObjectWriter().raw("oneOf", wire::array_of(schemas))).finish());
  }
  return std::move(type).finish();
}

std::string content(std::string_view media, std::string_view schema) {
  return std::move(ObjectWriter().raw(media, media_object({reference(schema)}))).finish();
}

std::string openapi_path(std::string_view pattern) {
  std::string out(pattern);
  if (const auto dots = out.find("...}"); dots != std::string::npos) out.erase(dots, 3);
  return out;
}

std::string parameter(std::string_view name, std::string_view in, std::string_view type,
                      std::string_view meaning) {
  return std::move(ObjectWriter()
                       .text("name", name)
                       .text("in", in)
                       .boolean("required", in == "path")
                       .text("description", meaning)
                       .raw("schema", std::move(ObjectWriter().text("type", type)).finish()))
      .finish();
}

std::string parameters(const Route& route) {
  std::vector<std::string> out;
  const std::string path = openapi_path(route.pattern);
  for (std::size_t at = path.find('{'); at != std::string::npos; at = path.find('{', at + 1)) {
    const std::string name = path.substr(at + 1, path.find('}', at) - at - 1);
    out.push_back(parameter(name, "path", "string", name == "id" ? "UUID" : "path of the file"));
  }
  for (const QuerySpec& query : route.query) {
    out.push_back(parameter(query.name, "query", query.type, query.meaning));
  }
  if (route.method == "POST" && !route.body.empty() && route.body != "Cancel") {
    out.push_back(parameter("Idempotency-Key", "header", "string",
                            "the same key with the same request makes nothing twice; remembered"
                            " for " +
                                std::to_string(kKeyLife.count()) + " h"));
  }
  if (route.body == "Execute" || route.body == "AdHocExecute") {
    out.push_back(
        parameter("Cache-Control", "header", "string",
                  "no-cache, no-store or max-age=0 has a run calculated whose task asks for a "
                  "cache"));
  }
  return wire::array_of(out);
}

std::string answers(const Route& route) {
  // By status, then by media type: the shapes it may have.
  std::map<int, std::map<std::string_view, std::vector<std::string>>> shapes;
  for (const Answers& answer : route.answers) {
    std::vector<std::string>& of_media = shapes[answer.status][answer.media];
    if (!answer.schema.empty()) of_media.push_back(reference(answer.schema));
  }
  ObjectWriter out;
  for (const auto& [status, by_media] : shapes) {
    ObjectWriter one;
    one.text("description", status == 202 ? "accepted, not ended yet" : route.summary);
    ObjectWriter contents;
    for (const auto& [media, schemas] : by_media) {
      if (!media.empty()) contents.raw(media, media_object(schemas));
    }
    if (!by_media.contains("")) one.raw("content", std::move(contents).finish());
    out.raw(std::to_string(status), std::move(one).finish());
  }
  out.raw("default", std::move(ObjectWriter()
                                   .text("description", "an error")
                                   .raw("content", content("application/problem+json", "Problem")))
                         .finish());
  return std::move(out).finish();
}

std::string operation(const Route& route) {
  ObjectWriter out;
  out.text("operationId", route.operation).text("summary", route.summary);
  out.raw("parameters", parameters(route));
  if (!route.body.empty()) {
    out.raw("requestBody",
            std::move(ObjectWriter()
                          .boolean("required", route.body != "Execute" && route.body != "Cancel")
                          .raw("content", content("application/json", route.body)))
                .finish());
  }
  if (route.access == Access::open) out.raw("security", "[]");
  out.raw("responses", answers(route));
  return std::move(out).finish();
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(c));
  return out;
}

// The routes in the table's order, those of one path together.
std::string paths() {
  std::vector<std::string> order;
  std::map<std::string, ObjectWriter> by_path;
  for (const Route& route : route_table()) {
    const std::string path = openapi_path(route.pattern);
    if (!by_path.contains(path)) order.push_back(path);
    by_path[path].raw(lower(route.method), operation(route));
  }
  ObjectWriter out;
  for (const std::string& path : order) out.raw(path, std::move(by_path[path]).finish());
  return std::move(out).finish();
}

std::string make_document() {
  static constexpr std::string_view kInfo =
      R"({"title":"MecaPy","version":")" MECAPY_VERSION
      R"(","description":"Runs engineers' Python calculations, isolated, and says honestly how they ended."})";
  static constexpr std::string_view kBearer = R"({"bearer":{"type":"http","scheme":"bearer"}})";
  return std::move(ObjectWriter()
                       .text("openapi", "3.1.0")
                       .raw("info", kInfo)
                       .raw("security", R"([{"bearer":[]}])")
                       .raw("paths", paths())
                       .raw("components", std::move(ObjectWriter()
                                                        .raw("securitySchemes", kBearer)
                                                        .raw("schemas", wire::openapi_schemas()))
                                              .finish()))
      .finish();
}

}  // namespace

const std::string& openapi_document() {
  static const std::string document = make_document();
  return document;
}

}  // namespace mecapy::api
