// The kinds of part that a machine at Scaleway has: how they are found again, and how they end.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "clouds/scaleway_api.h"

namespace mecapy::clouds {

class ScalewayEnds;

struct ScalewayKind {
  std::string_view name;
  awaitable<Answer<ScalewayApi::Parts>> (ScalewayApi::*list)(std::string zone, std::string tag,
                                                             base::Deadline);
  awaitable<Answer<ScalewayApi::Found>> (ScalewayApi::*get)(std::string zone, std::string id,
                                                            base::Deadline);
  awaitable<Answer<Done>> (ScalewayEnds::*end)(ScalewayPart part, std::string machine,
                                               base::Deadline);
};

bool carries(const ScalewayPart& part, const std::string& tag);
// By its tag; "" when it carries none.
std::string machine_of(const ScalewayPart& part);

class ScalewayEnds {
 public:
  // `api` must outlive it.
  ScalewayEnds(ScalewayApi& api, const std::string& installation)
      : api_(api), home_tag_("mecapy-home=" + installation) {}

  const std::string& home_tag() const { return home_tag_; }
  // Of all parts of a machine.
  Tags tags(const std::string& machine) const;

  // The machine's parts of one kind: the one whose `id` was saved, unless it is "", and what its
  // tag finds.
  awaitable<Answer<ScalewayApi::Parts>> find(const ScalewayKind& kind, std::string zone,
                                             std::string machine, std::string id,
                                             base::Deadline deadline);
  // One step; what is on its way is left alone.
  awaitable<Answer<Done>> end(const ScalewayKind& kind, ScalewayPart part, std::string machine,
                              base::Deadline deadline) {
    return (this->*kind.end)(std::move(part), std::move(machine), deadline);
  }
  awaitable<Answer<Done>> end_server(ScalewayPart server, std::string machine,
                                     base::Deadline deadline);
  awaitable<Answer<Done>> end_volume(ScalewayPart volume, std::string machine,
                                     base::Deadline deadline);
  awaitable<Answer<Done>> end_address(ScalewayPart address, std::string machine,
                                      base::Deadline deadline);

 private:
  ScalewayApi& api_;
  std::string home_tag_;
};

// In the order in which they end: volumes and addresses outlive their server.
inline constexpr std::array kScalewayKinds = {
    ScalewayKind{"server", &ScalewayApi::servers, &ScalewayApi::server, &ScalewayEnds::end_server},
    ScalewayKind{"volume", &ScalewayApi::volumes, &ScalewayApi::volume, &ScalewayEnds::end_volume},
    ScalewayKind{"address", &ScalewayApi::addresses, &ScalewayApi::address,
                 &ScalewayEnds::end_address},
};

}  // namespace mecapy::clouds
