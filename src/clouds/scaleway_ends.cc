#include "clouds/scaleway_ends.h"

#include <algorithm>
#include <utility>

namespace mecapy::clouds {
namespace {

constexpr std::string_view kMachineTag = "mecapy-machine=";

using One = ScalewayApi::Found;
using Parts = ScalewayApi::Parts;

template <class T>
const Refusal* refusal_in(const Answer<T>& answer) {
  return std::get_if<Refusal>(&answer);
}

Answer<Done> done_or_refused(Called called) {
  if (auto* refused = std::get_if<Refused>(&called)) return std::move(refused->refusal);
  return Done{};
}

}  // namespace

bool carries(const ScalewayPart& part, const std::string& tag) {
  return std::ranges::find(part.tags, tag) != part.tags.end();
}

std::string machine_of(const ScalewayPart& part) {
  for (const std::string& tag : part.tags) {
    if (tag.starts_with(kMachineTag)) return tag.substr(kMachineTag.size());
  }
  return "";
}

Tags ScalewayEnds::tags(const std::string& machine) const {
  return {"mecapy", home_tag_, std::string(kMachineTag) + machine};
}

awaitable<Answer<Parts>> ScalewayEnds::find(const ScalewayKind& kind, std::string zone,
                                            std::string machine, std::string id,
                                            base::Deadline deadline) {
  auto tagged = co_await (api_.*(kind.list))(zone, std::string(kMachineTag) + machine, deadline);
  if (refusal_in(tagged) != nullptr) co_return tagged;
  auto parts = std::get<Parts>(std::move(tagged));
  std::erase_if(parts, [&](const ScalewayPart& part) { return !carries(part, home_tag_); });
  if (id.empty() || std::ranges::find(parts, id, &ScalewayPart::id) != parts.end()) {
    co_return parts;
  }
  auto saved = co_await (api_.*(kind.get))(zone, id, deadline);
  if (const Refusal* refusal = refusal_in(saved)) co_return *refusal;
  if (auto& one = std::get<One>(saved)) parts.push_back(std::move(*one));
  co_return parts;
}

awaitable<Answer<Done>> ScalewayEnds::end_server(ScalewayPart server, std::string machine,
                                                 base::Deadline deadline) {
  if (server.state == "stopping" || server.state == "starting") co_return Done{};
  // Its volumes outlive it, and without their tags nobody would find them: whoever made them may
  // have died before they had any.
  for (const std::string& volume : server.volumes) {
    auto tagged = co_await api_.tag_volume(server.zone, volume, tags(machine), deadline);
    if (const Refusal* refusal = refusal_in(tagged)) co_return *refusal;
  }
  const bool runs = server.state == "running";
  Called called = runs ? co_await api_.act(server.zone, server.id, "terminate", deadline)
                       : co_await api_.delete_server(server.zone, server.id, deadline);
  const auto* refused = std::get_if<Refused>(&called);
  if (refused != nullptr && server.state == "stopped in place") {
    called = co_await api_.act(server.zone, server.id, "terminate", deadline);
  }
  co_return done_or_refused(std::move(called));
}

awaitable<Answer<Done>> ScalewayEnds::end_volume(ScalewayPart volume, std::string,
                                                 base::Deadline deadline) {
  if (volume.state != "available" && volume.state != "error") co_return Done{};
  co_return done_or_refused(co_await api_.delete_volume(volume.zone, volume.id, deadline));
}

awaitable<Answer<Done>> ScalewayEnds::end_address(ScalewayPart address, std::string,
                                                  base::Deadline deadline) {
  co_return done_or_refused(co_await api_.delete_address(address.zone, address.id, deadline));
}

}  // namespace mecapy::clouds
