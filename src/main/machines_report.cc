#include "main/machines_report.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <set>
#include <vector>

#include "base/age.h"
#include "base/utf8.h"
#include "cli/text.h"
#include "cost/prices.h"
#include "cost/words.h"
#include "main/data_folder.h"
#include "main/machine_figures.h"
#include "main/parts.h"
#include "main/placers.h"
#include "store/look.h"

namespace mecapy::main {
namespace {

constexpr std::chrono::seconds kPatience{30};  // for a placer's list
constexpr std::size_t kWords = 500;            // bytes of what a placer or a row says

double seconds(base::TimePoint at) {
  return static_cast<double>(at.time_since_epoch().count()) / 1e6;
}
std::string age(base::TimePoint then, base::TimePoint now) {
  return base::age(seconds(then), seconds(now));
}

Result<store::MachinesSeen> see(const config::Settings& settings) {
  if (shares_store(settings)) return store::see_machines_of_postgres(settings.database_url);
  const std::string path = DataFolder{settings.data_dir}.database();
  if (::access(path.c_str(), F_OK) != 0) return store::MachinesSeen{};
  return store::see_machines_of_sqlite(path);
}

std::string price_of(const std::vector<model::Machine>& machines, base::TimePoint now,
                     const cost::Prices& prices) {
  double eur = 0;
  std::size_t unknown = 0;
  for (const MachineKind& kind : kinds_of(machines, now, prices)) {
    eur += kind.eur;
    unknown += kind.unpriced;
  }
  if (unknown == machines.size()) return "unknown";
  return cost::euros(eur) +
         (unknown == 0 ? "" : " and " + std::to_string(unknown) + " of unknown price");
}

void print_machines(const store::MachinesSeen& seen, const cost::Prices& prices) {
  if (seen.left.empty()) {
    std::printf("machines: none is there\n");
    return;
  }
  std::vector<std::vector<std::string>> rows = {
      {"MACHINE", "OFFER", "STATE", "ASKED FOR", "EUR", "RUN"}};
  for (const model::Machine& machine : seen.left) {
    const std::string zone = machine.zone.empty() ? "" : " in " + machine.zone;
    rows.push_back({machine.id.str(), machine.placer + " " + machine.type + zone,
                    std::string(model::name(machine.state)), age(machine.made_at, seen.now),
                    price_of({machine}, seen.now, prices), machine.run_id.str()});
  }
  std::printf("machines: %zu, EUR so far: %s\n", seen.left.size(),
              price_of(seen.left, seen.now, prices).c_str());
  std::fputs(cli::table(rows).c_str(), stdout);
}

// What could not be removed, by a run's machine or by nobody's.
bool print_leftovers(const config::Settings& settings, const store::MachinesSeen& seen) {
  bool fine = true;
  std::set<std::string> retired;  // of which something is left, or nobody knows
  std::set<std::string> deserted;
  const auto is_gone = [&](const std::string& ward) {
    return std::ranges::any_of(seen.reapings, [&](const store::Reaping& one) {
      return one.placer == ward && is_deserted(settings, ward, one.begun_at, seen.now);
    });
  };
  const auto note = [&](const std::string& ward) {
    if (is_retired(settings, ward)) {
      retired.insert(ward);
    } else if (is_gone(ward)) {
      deserted.insert(ward);
    }
  };
  for (const model::Machine& machine : seen.left) {
    if (is_retired(settings, machine.placer)) retired.insert(machine.placer);
    if (machine.state != model::MachineState::ending || !machine.ending_at) continue;
    const std::string said = base::one_line(machine.said, kWords);
    std::printf("  -> machine %s is being removed, begun %s%s%s\n", machine.id.str().c_str(),
                age(*machine.ending_at, seen.now).c_str(), said.empty() ? "" : ": ", said.c_str());
  }
  for (const store::Leftover& part : seen.leftovers) {
    fine = false;
    const std::string zone = part.zone.empty() ? "" : " in " + part.zone;
    std::printf(
        "  -> %s: %s %s%s belongs to no run, could not be removed (seen first %s), and may cost "
        "money: %s\n",
        part.placer.c_str(), base::one_line(part.kind, kWords).c_str(),
        base::one_line(part.id, kWords).c_str(), zone.c_str(), age(part.since, seen.now).c_str(),
        part.said.c_str());
    note(part.placer);
  }
  for (const store::Reaping& reaping : seen.reapings) {
    if (reaping.trouble.empty()) {
      const std::string when = reaping.done_at ? age(*reaping.done_at, seen.now) : "never";
      std::printf("%s: compared with the machines %s\n", reaping.placer.c_str(), when.c_str());
    } else {
      fine = false;
      std::printf("  -> %s: could not be compared with the machines (first %s): %s\n",
                  reaping.placer.c_str(),
                  reaping.since ? age(*reaping.since, seen.now).c_str() : "now",
                  reaping.trouble.c_str());
      note(reaping.placer);
    }
  }
  for (const std::string& placer : retired) {
    std::printf("  -> %s\n", advice_of_retired(placer).c_str());
  }
  for (const std::string& ward : deserted) {
    std::printf("  -> %s\n", advice_of_deserted(ward).c_str());
  }
  return fine && retired.empty();
}

// Whether all answer, with these credentials.
bool ask_placers(const config::Settings& settings, const std::string& installation) {
  bool fine = true;
  for (const auto& placer : open_placers(settings, installation, nullptr)) {
    boost::asio::io_context io{1};
    std::string said = "it failed unexpectedly";
    bool answers = false;
    boost::asio::co_spawn(
        io, placer->list(base::after(kPatience)),
        [&](const std::exception_ptr& thrown, const clouds::Answer<std::vector<clouds::Found>>& a) {
          if (thrown) return;
          const auto* refusal = std::get_if<clouds::Refusal>(&a);
          answers = refusal == nullptr;
          said = answers ? std::to_string(std::get<0>(a).size()) + " parts of ours are there"
                         : base::one_line(clouds::words_of(*refusal), kWords);
        });
    io.run();
    const std::string name(placer->name());
    std::printf(answers ? "%s answers: %s\n" : "  -> %s does not answer: %s\n", name.c_str(),
                said.c_str());
    fine = fine && answers;
  }
  return fine;
}

// Where none are made any more.
bool tell_of_what_is_left(const config::Settings& settings) {
  std::printf("machines: none are made for runs (machines.placers is empty)\n");
  const auto seen = see(settings);
  if (!seen) return true;
  bool fine = true;
  if (!seen->left.empty()) {
    const auto prices = cost::load_prices(settings.cost_prices);
    if (!prices) {
      std::printf("  -> %s\n", prices.error().message.c_str());
      return false;
    }
    print_machines(*seen, *prices);
  }
  if (seen->wanted > 0) {
    std::printf("  -> %s\n", advice_of_waiting(seen->wanted).c_str());
    fine = false;
  }
  return print_leftovers(settings, *seen) && fine;
}

}  // namespace

bool tell_of_machines(const config::Settings& settings) {
  if (!makes_machines(settings)) return tell_of_what_is_left(settings);
  if (auto fine = check_placers(settings); !fine) {
    std::printf("  -> %s\n", fine.error().message.c_str());
    return false;
  }
  const auto prices = cost::load_prices(settings.cost_prices);
  if (!prices) {
    std::printf("  -> %s\n", prices.error().message.c_str());
    return false;
  }
  const auto seen = see(settings);
  if (!seen) {
    std::printf("  -> machines: the database does not tell: %s\n", seen.error().message.c_str());
    return false;
  }
  const std::string& name =
      settings.machines_installation.empty() ? seen->installation : settings.machines_installation;
  std::printf("installation %s: what is made elsewhere carries this name\n",
              name.empty() ? "without a name yet" : name.c_str());
  print_machines(*seen, *prices);
  bool fine = print_leftovers(settings, *seen);
  // Without a name nothing can have been made.
  if (!name.empty()) fine = ask_placers(settings, name) && fine;
  return fine;
}

}  // namespace mecapy::main
