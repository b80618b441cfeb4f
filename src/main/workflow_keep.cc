#include "main/workflow_keep.h"

#include <vector>

#include "base/id.h"
#include "client/pages.h"
#include "client/workflow_answers.h"
#include "main/workflow_tasks.h"
#include "wire/canonical_hash.h"
#include "wire/json.h"

namespace mecapy::main {
namespace {

struct Named {
  std::string id;
  std::string name;
};

// All of the caller's.
awaitable<Result<std::vector<Named>>> all_workflows(client::Api& api) {
  const auto items = co_await client::list(api, "/api/workflows", {}, 0);
  if (!items) co_return items.error();
  std::vector<Named> all;
  for (const std::string& item : *items)
    all.push_back({client::text_member(item, "id"), client::text_member(item, "name")});
  co_return all;
}

// The workflow that has the name; nothing when there is none. usage, with what to do, when several
// have it.
Result<std::optional<std::string>> only_one(const std::vector<Named>& all,
                                            const std::string& name) {
  std::vector<std::string> ids;
  for (const Named& one : all) {
    if (one.name == name && base::is_uuid(one.id)) ids.push_back(one.id);
  }
  if (ids.empty()) return std::optional<std::string>();
  if (ids.size() == 1) return std::optional(ids.front());
  std::string listed;
  for (const std::string& id : ids) listed += (listed.empty() ? " " : ", ") + id;
  return fail(ErrorCode::usage, "you have several workflows named " + name + ":" + listed +
                                    "; keep this one under another name (--name NAME, or name: in "
                                    "the file), or delete one: mecapy workflow delete " +
                                    ids.back());
}

// The definition alone, as it is compared: what is left out is empty.
std::string definition_of(const std::string& inputs, const std::string& nodes,
                          const std::string& outputs) {
  wire::ObjectWriter out;
  out.raw("inputs", inputs.empty() ? "{}" : inputs);
  out.raw("nodes", nodes.empty() ? "{}" : nodes);
  out.raw("outputs", outputs.empty() ? "{}" : outputs);
  return std::move(out).finish();
}

// The names of the members, in their order, which people see.
std::string order_of(const std::string& json) {
  std::string order;
  const auto members = wire::object_members(json);
  if (!members) return order;
  for (const wire::Member& member : *members) order += wire::quote(member.key);
  return order;
}

std::string hash_of(const std::string& definition) {
  return wire::canonical_hash(definition, wire::MemberOrder::free);
}

bool is_same(const client::WorkflowAnswer& kept, const cli::WorkflowFile& body) {
  const std::string inputs = body.json("inputs");
  const std::string nodes = body.json("nodes");
  const std::string outputs = body.json("outputs");
  return order_of(kept.nodes) == order_of(nodes) && order_of(kept.outputs) == order_of(outputs) &&
         hash_of(definition_of(kept.inputs, kept.nodes, kept.outputs)) ==
             hash_of(definition_of(inputs, nodes, outputs));
}

Result<KeptWorkflow> kept_of(std::string json, KeptWorkflow::Done done) {
  const auto workflow = client::read_workflow(json);
  if (!workflow) return workflow.error();
  return KeptWorkflow{std::move(json), workflow->id, workflow->name, workflow->version, done};
}

// The members of a body, to be looked at.
cli::WorkflowFile parts_of(const std::string& body) {
  cli::WorkflowFile parts;
  const auto members = wire::object_members(body);
  if (!members) return parts;
  for (const wire::Member& member : *members)
    parts.members.push_back({member.key, std::string(member.raw)});
  return parts;
}

// Changes the workflow `id` into what `body` says, where it says something else.
awaitable<Result<KeptWorkflow>> change(client::Api& api, std::string id, std::string body) {
  client::Call get;
  get.path = client::workflow_path(id);
  auto json = co_await api.text(std::move(get));
  if (!json) co_return json.error();
  const auto kept = client::read_workflow(*json);
  if (!kept) co_return kept.error();
  const cli::WorkflowFile parts = parts_of(body);
  const auto description = wire::string_value(parts.json("description"));
  const bool same = is_same(*kept, parts);
  if (same && description.value_or(kept->description) == kept->description)
    co_return kept_of(std::move(*json), KeptWorkflow::Done::nothing);
  if (same) {  // no new version
    body = std::move(wire::ObjectWriter().text("description", *description)).finish();
  } else if (parts.json("inputs").empty()) {  // what is left out of a change stays as it is
    wire::ObjectWriter whole;
    for (const auto& [name, value] : parts.members) whole.raw(name, value);
    body = std::move(whole.raw("inputs", "{}")).finish();
  }
  client::Call patch{"PATCH", client::workflow_path(id)};
  patch.body = std::move(body);
  auto changed = co_await api.text(std::move(patch));
  if (!changed) co_return changed.error();
  co_return kept_of(std::move(*changed), KeptWorkflow::Done::changed);
}

}  // namespace

awaitable<Result<KeptWorkflow>> keep_workflow(Remote& remote, const cli::WorkflowFile& file,
                                              std::optional<std::string> name,
                                              std::optional<std::string> description) {
  const auto tasks = co_await keep_tasks(remote, file, cli::workflow_name(file, name));
  if (!tasks) co_return tasks.error();
  // A name in the file that is none is left to the server.
  const bool says_none = file.json("name").empty();
  if (!name && (says_none || wire::string_value(file.json("name"))))
    name = says_none ? cli::workflow_name(file, name) : wire::string_value(file.json("name"));
  const std::string body = cli::workflow_body(file, *tasks, name, description);
  std::optional<std::string> there;
  if (name) {
    const auto all = co_await all_workflows(remote.api);
    if (!all) co_return all.error();
    const auto found = only_one(*all, *name);
    if (!found) co_return found.error();
    there = *found;
  }
  Result<KeptWorkflow> kept = fail(ErrorCode::internal, "nothing was done");
  if (there) {
    kept = co_await change(remote.api, *there, body);
  } else {
    client::Call make{"POST", "/api/workflows"};
    make.body = body;
    auto json = co_await remote.api.text(std::move(make));
    kept = json ? kept_of(std::move(*json), KeptWorkflow::Done::made)
                : Result<KeptWorkflow>(json.error());
  }
  if (!kept) co_return cli::in_file(file, kept.error());
  co_return kept;
}

void tell_kept(const Remote& remote, const KeptWorkflow& kept) {
  const std::string name = cli::harmless_line(kept.name);
  const std::string version = ", version " + std::to_string(kept.version);
  const std::string done = kept.done == KeptWorkflow::Done::made ? "kept" : "changed";
  remote.err.write("mecapy: " +
                   (kept.done == KeptWorkflow::Done::nothing
                        ? "workflow " + name + version + ": unchanged"
                        : done + " workflow " + name + version) +
                   "\n");
}

}  // namespace mecapy::main
