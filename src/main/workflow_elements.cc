#include "main/workflow_elements.h"

#include <algorithm>
#include <vector>

#include "base/nearest.h"
#include "client/answers.h"
#include "client/names.h"
#include "client/pages.h"
#include "client/workflow_answers.h"
#include "main/outcome.h"
#include "main/workflow_follow.h"
#include "wire/json.h"
#include "wire/run_parts.h"

namespace mecapy::main {
namespace {

// The node of that name; invalid_fields, with the one that may be meant.
Result<client::NodeAnswer> node_of(const client::WorkflowRunAnswer& run, const std::string& name) {
  std::vector<std::string_view> names;
  for (const client::NodeAnswer& node : run.nodes) {
    if (node.name == name) return node;
    names.emplace_back(node.name);
  }
  const std::string near = base::nearest(name, names);
  return fail(ErrorCode::invalid_fields,
              "the workflow has no node \"" + name + "\"" +
                  (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

std::string path_of(const std::string& run, const std::string& node) {
  return client::workflow_run_path(run, "/nodes/" + wire::url_path(node));
}

bool has_failed(const std::string& item) { return client::text_member(item, "status") == "failed"; }

// Those that failed first, then the others, both in the order of the list; `most` of them.
std::vector<std::string> chosen(std::vector<std::string> items, std::int64_t most) {
  std::ranges::stable_partition(items, has_failed);
  if (most > 0 && items.size() > static_cast<std::size_t>(most))
    items.resize(static_cast<std::size_t>(most));
  return items;
}

std::string status_of(const Remote& remote, const client::RunAnswer& run) {
  const std::string code = run.status == "failed" && !run.code.empty() ? ": " + run.code : "";
  return remote.out.styled(cli::harmless_line(run.status + code, 40), style_of(run.status));
}

// Why it failed, or who answered for it.
std::string note_of(const client::RunAnswer& run) {
  if (run.failure) return cli::harmless_line(run.failure->message, 100);
  return run.cached_from.empty() ? "" : "reused, of run " + cli::harmless_line(run.cached_from);
}

std::string table_of(const Remote& remote, const std::vector<std::string>& items,
                     const std::vector<client::RunAnswer>& runs) {
  const std::size_t shown = shown_of_ids(remote, runs);
  std::vector<std::vector<std::string>> rows = {{"ELEMENT", "RUN", "STATUS", ""}};
  for (std::size_t i = 0; i < runs.size(); ++i) {
    rows.push_back({std::to_string(client::integer_member(items[i], "element")),
                    cli::harmless_line(runs[i].id).substr(0, shown), status_of(remote, runs[i]),
                    note_of(runs[i])});
  }
  return cli::table(rows);
}

// What the runs do not tell: how many there are in all, and a failure that no run had.
void tell_rest(const Remote& remote, const client::NodeAnswer& node, std::size_t shown,
               std::size_t all) {
  if (node.failure && node.failure->run_id.empty()) {
    const std::string element =
        node.failure->element ? "element " + std::to_string(*node.failure->element) + ": " : "";
    remote.err.write(
        "mecapy: " +
        cli::harmless_line(element + node.failure->code + ": " + node.failure->message, 2000) +
        "\n");
  }
  if (all == 0) remote.err.write("mecapy: no run of this node was made\n");
  if (shown < all) {
    remote.err.write("mecapy: " + std::to_string(shown) + " of " + std::to_string(all) +
                     ", those that failed first; -n 0 shows all\n");
  }
}

}  // namespace

awaitable<Result<int>> show_elements(Remote& remote, ElementsWords which) {
  const auto id = co_await client::find_workflow_run(remote.api, which.run);
  if (!id) co_return id.error();
  client::Call get;
  get.path = client::workflow_run_path(*id);
  const auto json = co_await remote.api.text(std::move(get));
  if (!json) co_return json.error();
  const auto run = client::read_workflow_run(*json);
  if (!run) co_return run.error();
  const auto node = node_of(*run, which.node);
  if (!node) co_return node.error();
  auto all = co_await client::list(remote.api, path_of(*id, node->name), {}, 0);
  if (!all) co_return all.error();
  const std::size_t count = all->size();
  const auto items = chosen(std::move(*all), which.most);
  if (remote.json()) {
    print_json(remote, wire::array_of(items));
    co_return 0;
  }
  const auto runs = client::read_each(items, client::read_run);
  if (!runs) co_return runs.error();
  if (!runs->empty()) remote.out.write(table_of(remote, items, *runs));
  tell_rest(remote, *node, items.size(), count);
  co_return 0;
}

}  // namespace mecapy::main
