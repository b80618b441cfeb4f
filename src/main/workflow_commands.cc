// workflow create, check, list, show, delete.
#include <algorithm>
#include <cstdio>

#include "base/listed.h"
#include "cli/workflow_graph.h"
#include "client/download.h"
#include "client/names.h"
#include "client/pages.h"
#include "cost/words.h"
#include "main/commands.h"
#include "main/complain.h"
#include "main/workflow_elements.h"
#include "main/workflow_follow.h"
#include "main/workflow_keep.h"
#include "main/workflow_tasks.h"
#include "wire/json.h"

namespace mecapy::main {
namespace {

using Rows = std::vector<std::vector<std::string>>;

void add_to(Rows& rows, const char* name, const std::string& value) {
  if (!value.empty()) rows.push_back({name, cli::harmless_line(value, 1000)});
}

// The names of the members of `json`.
std::string names_of(const std::string& json) {
  std::vector<std::string> names;
  if (const auto members = wire::object_members(json.empty() ? "{}" : json)) {
    for (const wire::Member& member : *members) names.push_back(member.key);
  }
  return base::listed(names);
}

std::string table_of(const Remote& remote, const std::vector<client::WorkflowAnswer>& workflows) {
  const std::size_t shown = shown_of_ids(remote, workflows);
  Rows rows = {{"WORKFLOW", "NAME", "VERSION", "CHANGED", "DESCRIPTION"}};
  for (const client::WorkflowAnswer& workflow : workflows) {
    rows.push_back({cli::harmless_line(workflow.id).substr(0, shown),
                    cli::harmless_line(workflow.name, 40), std::to_string(workflow.version),
                    ago(remote, workflow.updated_at),
                    cli::harmless_line(workflow.description, 40)});
  }
  return cli::table(rows);
}

// What would be run, from the server's words.
void print_check(const Remote& remote, const std::string& json) {
  const auto members = wire::object_members(json);
  Rows rows;
  for (const wire::Member& member : members ? *members : std::vector<wire::Member>{}) {
    if (member.key == "nodes") add_to(rows, "nodes", std::string(member.raw));
    if (member.key == "order") {
      std::vector<std::string> names;
      for (const std::string_view name : wire::array_items(member.raw))
        names.push_back(wire::string_value(name).value_or(""));
      add_to(rows, "order", base::listed(names));
    }
    if (member.key != "estimate") continue;
    const client::WorkflowEstimate estimate =
        client::read_workflow_estimate(std::string(member.raw));
    std::vector<std::string> words;
    if (estimate.seconds.value_or(0) > 0) words.push_back(cli::duration(*estimate.seconds));
    if (estimate.eur.value_or(0) > 0) words.push_back(cost::euros(*estimate.eur) + " EUR");
    if (!estimate.complete)
      words.emplace_back(words.empty() ? "not known yet" : "and what is not known yet");
    add_to(rows, "expected", base::listed(words));
  }
  remote.out.write(cli::table(rows));
}

// ---- show

// What is shown: a definition, with the states of a run when there is one.
struct Shown {
  std::string json{};  // as --json prints it
  Rows rows{};
  cli::Graph graph{};
};

// The drawing, in one of its forms.
int draw(const cli::Screen& out, const Shown& shown, const ShowWorkflow& how) {
  if (how.mermaid) {
    out.write(cli::graph_mermaid(shown.graph));
    return 0;
  }
  if (how.svg) {
    const std::string svg = cli::graph_svg(shown.graph);
    if (how.svg->empty() || *how.svg == "-") {
      out.write(svg);
      return 0;
    }
    const auto kept = client::keep_bytes(
        *how.svg, svg, how.replace ? client::Existing::replace : client::Existing::keep);
    if (!kept) {
      const int status = complain(kept.error());
      if (kept.error().code == ErrorCode::conflict)
        std::fputs("  -> --force replaces it\n", stderr);
      return status;
    }
    const cli::Screen err(stderr);
    err.write((*kept == client::Kept::fetched ? "mecapy: kept " : "mecapy: already there: ") +
              cli::harmless_line(*how.svg, 1000) + "\n");
    return 0;
  }
  const cli::Styled styled = [&](std::string_view text, cli::Style style) {
    return out.styled(text, style);
  };
  if (!shown.rows.empty()) out.write(cli::table(shown.rows) + "\n");
  out.write(cli::graph_text(shown.graph, out.columns(), styled));
  return 0;
}

int show_file(const RemoteWords& words, const ShowWorkflow& how) {
  const auto file = cli::read_workflow_file(how.workflow);
  if (!file) return complain(file.error());
  const cli::Screen out(stdout);
  Shown shown;
  shown.json = cli::workflow_body(*file, {}, std::nullopt, std::nullopt);
  if (words.format == Format::json) {
    out.write(cli::harmless_json(shown.json) + "\n");
    return 0;
  }
  add_to(shown.rows, "name", wire::string_value(file->json("name")).value_or(""));
  add_to(shown.rows, "description", wire::string_value(file->json("description")).value_or(""));
  add_to(shown.rows, "inputs", names_of(file->json("inputs")));
  add_to(shown.rows, "outputs", names_of(file->json("outputs")));
  shown.graph = cli::workflow_graph(file->json("nodes"));
  return draw(out, shown, how);
}

awaitable<Result<std::string>> get(client::Api& api, std::string path,
                                   std::optional<int> version = std::nullopt) {
  client::Call call;
  call.path = std::move(path);
  if (version) call.query = {{"version", std::to_string(*version)}};
  co_return co_await api.text(std::move(call));
}

Result<Shown> shown_workflow(const Remote& remote, std::string json) {
  const auto workflow = client::read_workflow(json);
  if (!workflow) return workflow.error();
  Shown shown{std::move(json)};
  add_to(shown.rows, "workflow", workflow->id);
  add_to(shown.rows, "name", workflow->name);
  add_to(shown.rows, "description", workflow->description);
  add_to(shown.rows, "version",
         std::to_string(workflow->version) + ", " + ago(remote, workflow->updated_at));
  add_to(shown.rows, "inputs", names_of(workflow->inputs));
  add_to(shown.rows, "outputs", names_of(workflow->outputs));
  shown.graph = cli::workflow_graph(workflow->nodes);
  return shown;
}

std::string told_of(const client::NodeFailure& failure) {
  std::string text = failure.node;
  if (failure.element) text += ", element " + std::to_string(*failure.element);
  return text + (text.empty() ? "" : ": ") + failure.code + ": " + failure.message;
}

awaitable<Result<Shown>> shown_run(Remote& remote, std::string id) {
  auto json = co_await get(remote.api, client::workflow_run_path(id, "/results"));
  if (!json) co_return json.error();
  const auto run = client::read_workflow_run(*json);
  if (!run) co_return run.error();
  // Of a workflow that was deleted nobody tells what needs what.
  const auto of = co_await get(remote.api, client::workflow_path(run->workflow_id), run->version);
  if (!of && of.error().code != ErrorCode::not_found) co_return of.error();
  const auto workflow = of ? client::read_workflow(*of) : client::WorkflowAnswer{};
  if (!workflow) co_return workflow.error();
  Shown shown{std::move(*json)};
  add_to(shown.rows, "workflow run", run->id);
  add_to(shown.rows, "workflow",
         (of ? workflow->name : "deleted") + ", version " + std::to_string(run->version));
  add_to(shown.rows, "status", run->status);
  if (run->failure) add_to(shown.rows, "error", told_of(*run->failure));
  if (run->cancel_requested && !run->has_ended()) add_to(shown.rows, "cancel", "asked for");
  if (run->attempt > 1) add_to(shown.rows, "attempt", std::to_string(run->attempt));
  add_to(shown.rows, "asked for", ago(remote, run->queued_at));
  if (const std::string time = took(remote, *run); time != "-") add_to(shown.rows, "took", time);
  shown.graph = cli::workflow_graph(workflow->nodes);
  if (shown.graph.nodes.size() != run->nodes.size()) {
    shown.graph.nodes.clear();
    for (const client::NodeAnswer& node : run->nodes) shown.graph.nodes.push_back({node.name, {}});
  }
  for (std::size_t i = 0; i < run->nodes.size(); ++i) {
    shown.graph.nodes[i].state = state_of(run->nodes[i]);
    shown.graph.nodes[i].note = note_of(remote, run->nodes[i]);
  }
  co_return shown;
}

// Of the workflow or the run of one that a word names; a name is a workflow's before all else.
awaitable<Result<Shown>> shown_at(Remote& remote, ShowWorkflow how) {
  if (how.workflow == "last") {
    const auto run = co_await client::find_workflow_run(remote.api, how.workflow);
    if (!run) co_return run.error();
    co_return co_await shown_run(remote, *run);
  }
  const auto id = co_await client::find_workflow(remote.api, how.workflow, "mecapy workflow show");
  if (id) {
    auto json = co_await get(remote.api, client::workflow_path(*id), how.version);
    if (json) co_return shown_workflow(remote, std::move(*json));
    if (how.version)
      co_return co_await client::about_version(remote.api, *id, *how.version, json.error());
    if (json.error().code != ErrorCode::not_found) co_return json.error();
  } else if (id.error().code != ErrorCode::not_found) {
    co_return id.error();
  }
  if (!client::is_id_beginning(how.workflow)) co_return id.error();
  const auto nothing =
      fail(ErrorCode::not_found, "\"" + how.workflow + "\" names no workflow and no run of one");
  const auto run = co_await client::find_workflow_run(remote.api, how.workflow);
  if (!run) co_return run.error().code == ErrorCode::not_found ? nothing : run.error();
  auto shown = co_await shown_run(remote, *run);
  if (!shown && shown.error().code == ErrorCode::not_found) co_return nothing;
  co_return shown;
}

}  // namespace

int create_workflow(const config::Settings& settings, const RemoteWords& words,
                    const WorkflowWords& workflow) {
  const auto file = cli::read_workflow_file(workflow.file);
  if (!file) return complain(file.error());
  return at_server(settings, words, Subject::workflow,
                   [&](Remote& remote) -> awaitable<Result<int>> {
                     const auto kept =
                         co_await keep_workflow(remote, *file, workflow.name, workflow.description);
                     if (!kept) co_return kept.error();
                     if (remote.json()) {
                       print_json(remote, kept->json);
                       co_return 0;
                     }
                     tell_kept(remote, *kept);
                     remote.out.write(kept->id + "\n");
                     co_return 0;
                   });
}

int check_workflow(const config::Settings& settings, const RemoteWords& words,
                   const WorkflowWords& workflow) {
  const auto file = cli::read_workflow_file(workflow.file);
  if (!file) return complain(file.error());
  return at_server(
      settings, words, Subject::workflow, [&](Remote& remote) -> awaitable<Result<int>> {
        const auto tasks =
            co_await keep_tasks(remote, *file, cli::workflow_name(*file, std::nullopt));
        if (!tasks) co_return tasks.error();
        client::Call call{"POST", "/api/workflows/check"};
        call.body = cli::workflow_body(*file, *tasks, std::nullopt, std::nullopt);
        const auto json = co_await remote.api.text(std::move(call));
        if (!json) co_return cli::in_file(*file, json.error());
        if (remote.json()) {
          print_json(remote, *json);
        } else {
          print_check(remote, *json);
        }
        co_return 0;
      });
}

int list_workflows(const config::Settings& settings, const RemoteWords& words, std::int64_t most) {
  return at_server(
      settings, words, Subject::workflow, [&](Remote& remote) -> awaitable<Result<int>> {
        const auto items = co_await client::list(remote.api, "/api/workflows", {}, most);
        if (!items) co_return items.error();
        if (remote.json()) {
          print_json(remote, wire::array_of(*items));
          co_return 0;
        }
        const auto workflows = client::read_each(*items, client::read_workflow);
        if (!workflows) co_return workflows.error();
        if (workflows->empty()) {
          remote.err.write("No workflow is kept yet: mecapy workflow create FILE\n");
        } else {
          remote.out.write(table_of(remote, *workflows));
        }
        co_return 0;
      });
}

int show_workflow(const config::Settings& settings, const RemoteWords& words,
                  const ShowWorkflow& how) {
  const int forms = (how.svg ? 1 : 0) + (how.mermaid ? 1 : 0) + (words.format == Format::json);
  if (forms > 1)
    return complain(fail(ErrorCode::usage, "one of --svg, --mermaid and --json is enough"));
  const bool drawn = how.svg || how.mermaid || how.version;
  if (how.node && (drawn || cli::is_workflow_file(how.workflow))) {
    return complain(fail(ErrorCode::usage,
                         "--node is of a run of a workflow, and goes without --svg, --mermaid and "
                         "--version"));
  }
  if (how.node) {
    return at_server(settings, words, Subject::workflow_run, [&](Remote& remote) {
      return show_elements(remote, {how.workflow, *how.node, how.most});
    });
  }
  if (cli::is_workflow_file(how.workflow)) return show_file(words, how);
  return at_server(settings, words, Subject::workflow,
                   [&](Remote& remote) -> awaitable<Result<int>> {
                     const auto shown = co_await shown_at(remote, how);
                     if (!shown) co_return shown.error();
                     if (remote.json()) {
                       print_json(remote, shown->json);
                       co_return 0;
                     }
                     co_return draw(remote.out, *shown, how);
                   });
}

int delete_workflow(const config::Settings& settings, const RemoteWords& words,
                    const std::string& workflow) {
  return at_server(
      settings, words, Subject::workflow, [&](Remote& remote) -> awaitable<Result<int>> {
        const auto id =
            co_await client::find_workflow(remote.api, workflow, "mecapy workflow delete");
        if (!id) co_return id.error();
        client::Call call{"DELETE", client::workflow_path(*id)};
        call.expects = client::Expects::nothing;
        const auto gone = co_await remote.api.text(std::move(call));
        if (!gone) co_return gone.error();
        remote.err.write("mecapy: the workflow is gone; its runs stay\n");
        co_return 0;
      });
}

}  // namespace mecapy::main
