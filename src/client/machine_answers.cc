#include "client/machine_answers.h"

#include "client/view.h"
#include "client/whole.h"

namespace mecapy::client {
namespace {}  // namespace

Result<MachineAnswer> read_machine(const std::string& text) {
  const json::value whole = parsed(text);
  if (!whole.is_object()) return broken();
  const View machine(whole);
  return MachineAnswer{machine.text("id"),     machine.text("run_id"),
                       machine.text("placer"), machine.text("type"),
                       machine.text("zone"),   machine.text("state"),
                       machine.text("said"),   machine.number("age_s").value_or(0),
                       machine.number("eur")};
}

Result<LeftoverAnswer> read_leftover(const std::string& text) {
  const json::value whole = parsed(text);
  if (!whole.is_object()) return broken();
  const View part(whole);
  return LeftoverAnswer{part.text("placer"),    part.text("kind"),  part.text("zone"),
                        part.text("id"),        part.text("since"), part.text("said"),
                        part.is_true("retired")};
}

}  // namespace mecapy::client
