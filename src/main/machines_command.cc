// machines: those that a server has made for runs, and what of them could not be removed.
#include <set>

#include "base/age.h"
#include "cli/text.h"
#include "client/machine_answers.h"
#include "client/pages.h"
#include "cost/words.h"
#include "main/commands.h"
#include "wire/json.h"

namespace mecapy::main {
namespace {

std::string in_zone(const std::string& zone) {
  return zone.empty() ? "" : " in " + cli::harmless_line(zone, 40);
}

void print_machines(const Remote& remote, const std::vector<client::MachineAnswer>& machines) {
  if (machines.empty()) {
    remote.err.write("mecapy: no machine is there\n");
    return;
  }
  std::vector<std::vector<std::string>> rows = {
      {"MACHINE", "OFFER", "STATE", "ASKED FOR", "EUR", "RUN"}};
  for (const client::MachineAnswer& machine : machines) {
    rows.push_back(
        {cli::harmless_line(machine.id, 40),
         cli::harmless_line(machine.placer + " " + machine.type, 60) + in_zone(machine.zone),
         cli::harmless_line(machine.state, 20),
         base::age(remote.now() - machine.age_s, remote.now()),
         machine.eur ? cost::euros(*machine.eur) : "unknown",
         cli::harmless_line(machine.run_id, 40)});
  }
  remote.out.write(cli::table(rows));
  for (const client::MachineAnswer& machine : machines) {
    if (machine.state != "ending" || machine.said.empty()) continue;
    remote.out.write("  -> machine " + cli::harmless_line(machine.id, 40) +
                     " is being removed: " + cli::harmless_line(machine.said, 600) + "\n");
  }
}

void print_leftovers(const Remote& remote, const std::vector<client::LeftoverAnswer>& parts) {
  std::set<std::string> retired;
  for (const client::LeftoverAnswer& part : parts) {
    remote.out.write("  -> " + cli::harmless_line(part.placer + ": " + part.kind + " " + part.id) +
                     in_zone(part.zone) + " belongs to no run, could not be removed (seen first " +
                     cli::harmless_line(part.since, 40) +
                     "), and may cost money: " + cli::harmless_line(part.said, 600) + "\n");
    if (part.retired) retired.insert(part.placer);
  }
  for (const std::string& placer : retired) {
    const std::string name = cli::harmless_line(placer, 300);
    remote.out.write("  -> nobody lists what is of " + name +
                     " any more: look there yourself, and then end this with: mecapy machines "
                     "--forget '" +
                     name + "'\n");
  }
}

awaitable<Result<int>> tell(Remote& remote) {
  const auto machines = co_await client::list(remote.api, "/api/machines", {}, 0);
  if (!machines) co_return machines.error();
  const auto parts = co_await client::list(remote.api, "/api/machines/leftovers", {}, 0);
  if (!parts) co_return parts.error();
  if (remote.json()) {
    print_json(remote, std::move(wire::ObjectWriter()
                                     .raw("machines", wire::array_of(*machines))
                                     .raw("leftovers", wire::array_of(*parts)))
                           .finish());
    co_return 0;
  }
  const auto there = client::read_each(*machines, client::read_machine);
  if (!there) co_return there.error();
  const auto left = client::read_each(*parts, client::read_leftover);
  if (!left) co_return left.error();
  print_machines(remote, *there);
  print_leftovers(remote, *left);
  co_return 0;
}

awaitable<Result<int>> forget(Remote& remote, const std::string& placer) {
  client::Call call{"DELETE", "/api/machines", {{"placer", placer}}};
  call.expects = client::Expects::nothing;
  const auto done = co_await remote.api.call(std::move(call));
  if (!done) co_return done.error();
  co_return 0;
}

}  // namespace

int show_machines(const config::Settings& settings, const RemoteWords& words,
                  const MachinesWords& which) {
  return at_server(settings, words, Subject::server, [&](Remote& remote) -> awaitable<Result<int>> {
    return which.forget.empty() ? tell(remote) : forget(remote, which.forget);
  });
}

}  // namespace mecapy::main
