// costs, task estimate: what runs cost at a server, and what one would.
#include "cli/inputs.h"
#include "cli/text.h"
#include "client/cost_answers.h"
#include "client/names.h"
#include "client/pages.h"
#include "cost/words.h"
#include "main/commands.h"
#include "wire/json.h"

namespace mecapy::main {
namespace {

std::vector<std::string> row_of(const client::CostSum& sum, const std::string& key) {
  return {key, std::to_string(sum.runs), cost::euros(sum.eur),
          sum.incomplete == 0 ? "" : std::to_string(sum.incomplete)};
}

void print_costs(const Remote& remote, const client::CostsAnswer& about,
                 const std::vector<client::CostSum>& sums) {
  std::vector<std::vector<std::string>> rows = {{"", "RUNS", "EUR", "INCOMPLETE"}};
  for (const client::CostSum& sum : sums) {
    rows.push_back(row_of(sum, cli::harmless_line(sum.key, 60)));
  }
  rows.push_back(row_of(about.total, "together"));
  remote.out.write("What runs cost from " + cli::harmless_line(about.from, 10) + " to " +
                   cli::harmless_line(about.to, 10) + ", by the day they were accepted on, UTC\n" +
                   cli::table(rows));
  if (about.total.incomplete == 0) return;
  remote.err.write("mecapy: of " + std::to_string(about.total.incomplete) +
                   " of them not all is known yet\n");
}

std::string costs_json(const client::CostsAnswer& about, const std::vector<std::string>& items) {
  return std::move(wire::ObjectWriter()
                       .text("by", about.by)
                       .text("from", about.from)
                       .text("to", about.to)
                       .raw("items", wire::array_of(items))
                       .raw("total", about.total_json))
      .finish();
}

client::Query query_of(const CostsWords& which) {
  client::Query query{{"by", which.by}};
  for (const auto& [name, value] :
       {std::pair("from", which.from), std::pair("to", which.to), std::pair("user", which.user)}) {
    if (!value.empty()) query.emplace_back(name, value);
  }
  return query;
}

Result<std::string> estimate_body(const EstimateWords& words) {
  wire::ObjectWriter body;
  if (!words.inputs.empty()) {
    const auto inputs = cli::read_inputs(words.inputs);
    if (!inputs) return inputs.error();
    body.raw("inputs", *inputs);
  }
  if (!words.limits.empty()) {
    const auto limits = cli::limits_object(words.limits);
    if (!limits) return limits.error();
    body.raw("limits", *limits);
  }
  if (words.version) body.integer("version", *words.version);
  if (words.seconds) body.number("estimated_duration_s", *words.seconds);
  return std::move(body).finish();
}

void print_estimate(const Remote& remote, const client::EstimateAnswer& estimate) {
  remote.out.write("It would take " + cli::duration(estimate.duration_s) + ", " +
                   cli::estimate_source(estimate.source, estimate.samples) + ", and go to " +
                   cli::harmless_line(estimate.backend) + " (" + cli::harmless_line(estimate.why) +
                   ").\n");
  std::vector<std::vector<std::string>> rows = {{"BACKEND", "EUR", "HERE", "MACHINE", ""}};
  for (const client::BackendCost& one : estimate.costs) {
    const bool possible = one.why_not.empty();
    rows.push_back({one.backend, possible ? cost::euros(one.eur) : "-",
                    one.configured ? "yes" : "no", cli::harmless_line(one.machine, 40),
                    cli::harmless_line(possible ? one.why : one.why_not)});
  }
  remote.out.write(cli::table(rows));
}

}  // namespace

int show_costs(const config::Settings& settings, const RemoteWords& words,
               const CostsWords& which) {
  return at_server(settings, words, Subject::server, [&](Remote& remote) -> awaitable<Result<int>> {
    client::Call call;
    call.path = "/api/costs";
    call.query = query_of(which);
    call.query.emplace_back("limit", "1");
    const auto first = co_await remote.api.text(std::move(call));
    if (!first) co_return first.error();
    const auto about = client::read_costs(*first);
    if (!about) co_return about.error();
    const auto items = co_await client::list(remote.api, "/api/costs", query_of(which), 0);
    if (!items) co_return items.error();
    if (remote.json()) {
      print_json(remote, costs_json(*about, *items));
      co_return 0;
    }
    const auto sums = client::read_each(*items, client::read_cost_sum);
    if (!sums) co_return sums.error();
    print_costs(remote, *about, *sums);
    co_return 0;
  });
}

int estimate_task(const config::Settings& settings, const RemoteWords& words,
                  const EstimateWords& which) {
  const auto body = estimate_body(which);
  if (!body) return complain_with_advice(body.error(), Subject::task, "");
  return at_server(
      settings, words, {Subject::task, which.task}, [&](Remote& remote) -> awaitable<Result<int>> {
        const auto id = co_await client::find_task(remote.api, which.task, "mecapy task estimate");
        if (!id) co_return id.error();
        client::Call call{"POST", client::task_path(*id, "/estimate"), {}, *body};
        const auto answer = co_await remote.api.text(std::move(call));
        if (!answer) co_return answer.error();
        const auto estimate = client::read_estimate(*answer);
        if (!estimate) co_return estimate.error();
        if (remote.json()) {
          print_json(remote, *answer);
        } else {
          print_estimate(remote, *estimate);
        }
        co_return 0;
      });
}

}  // namespace mecapy::main
