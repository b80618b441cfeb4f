#include "wire/machine_json.h"

#include <algorithm>

#include "model/run.h"
#include "wire/json.h"

namespace mecapy::wire {

std::vector<ObjectSpec> machine_specs() {
  using enum FieldType;
  using enum Need;
  return {
      {"Machine",
       "A machine made for one run, which is not gone yet",
       {{"id", uuid, required, "the machine"},
        {"run_id", uuid, required, "the run it was made for"},
        {"backend", text, required, "dedicated_instance"},
        {"placer", text, required, "who made it: scaleway, openstack, slurm or local"},
        {"type", text, required, "as its placer calls it"},
        {"zone", text, optional, "where there are zones"},
        {"state", text, required, "intended, placing, booting, working or ending"},
        {"asked_at", time, required, "when it was asked for"},
        {"age_s", number, required, "seconds since then"},
        {"called_at", time, optional, "when its worker called home"},
        {"ending_at", time, optional, "since when it is being removed"},
        {"life_until", time, required, "when it must be gone, whatever happens"},
        {"said", text, optional,
         "the last that is known of it; of one that is ending, why it is still there"},
        {"hour_eur", number, optional, "price of an hour, EUR; not there when nobody knows it"},
        {"eur", number, optional, "the same, since it was asked for"}}},
      {"MachinePage",
       "Machines that are not gone, the newest first",
       {{"items", nested_list, required, "the machines", 0, 0, "Machine"},
        {"next", text, optional, "cursor of the next page; absent on the last"}}},
      {"Leftover",
       "A part of a machine that no run owns, and that could not be removed: it may cost money",
       {{"placer", text, required, "who listed it"},
        {"kind", text, required, "server, volume, address, job, ..."},
        {"zone", text, optional, "where there are zones"},
        {"id", text, required, "as its placer calls it"},
        {"machine_id", text, optional, "the machine that it says it is of"},
        {"since", time, required, "when it was first seen"},
        {"said", text, required, "why it could not be removed"},
        {"retired", boolean, optional,
         "true when nobody lists it any more: machines.placers does not name its placer, or its "
         "host "
         "is gone; who has looked there ends it with DELETE /api/machines"}}},
      {"LeftoverPage",
       "What could not be removed, in an order that stays",
       {{"items", nested_list, required, "the parts", 0, 0, "Leftover"},
        {"next", text, optional, "cursor of the next page; absent on the last"}}},
  };
}

std::string machine_json(const model::Machine& machine, base::TimePoint now,
                         std::optional<double> hour_eur) {
  const double age = std::max(0.0, std::chrono::duration<double>(now - machine.made_at).count());
  ObjectWriter out;
  out.text("id", machine.id.str()).text("run_id", machine.run_id.str());
  out.text("backend", model::kDedicated).text("placer", machine.placer).text("type", machine.type);
  if (!machine.zone.empty()) out.text("zone", machine.zone);
  out.text("state", model::name(machine.state));
  out.text("asked_at", base::to_rfc3339(machine.made_at)).number("age_s", age);
  if (machine.called_at) out.text("called_at", base::to_rfc3339(*machine.called_at));
  if (machine.ending_at) out.text("ending_at", base::to_rfc3339(*machine.ending_at));
  out.text("life_until", base::to_rfc3339(machine.life_until));
  if (!machine.said.empty()) out.text("said", machine.said);
  if (hour_eur) out.number("hour_eur", *hour_eur).number("eur", *hour_eur * age / 3600);
  return std::move(out).finish();
}

std::string leftover_json(const LeftoverAnswer& part) {
  ObjectWriter out;
  out.text("placer", part.placer).text("kind", part.kind);
  if (!part.zone.empty()) out.text("zone", part.zone);
  out.text("id", part.id);
  if (!part.machine.empty()) out.text("machine_id", part.machine);
  out.text("since", base::to_rfc3339(part.since)).text("said", part.said);
  if (part.retired) out.boolean("retired", true);
  return std::move(out).finish();
}

}  // namespace mecapy::wire
