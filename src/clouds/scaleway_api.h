// The calls to Scaleway that a machine needs: Instances v1, Block Storage v1, the marketplace. What
// a call says and what its answer means is here, what follows from it in scaleway.cc.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "clouds/cloud_calls.h"
#include "clouds/scaleway.h"

namespace mecapy::clouds {

using Tags = std::vector<std::string>;

// A server, a volume or an address.
struct ScalewayPart {
  std::string id;
  std::string zone;
  std::string state;  // the cloud's word; of an address ""
  std::string detail;
  Tags tags;
  std::optional<base::TimePoint> made{};
  Tags volumes;  // of a server: ids of those that outlive it
};

class ScalewayApi {
 public:
  explicit ScalewayApi(const ScalewayOptions& options);

  // The image for machines of `type`; remembered.
  awaitable<Answer<std::string>> image(std::string zone, std::string label, std::string type,
                                       base::Deadline deadline);
  struct Create {
    std::string name;
    std::string type;
    std::string image;
    std::string address;
    Tags tags;
  };
  awaitable<Answer<ScalewayPart>> create_server(std::string zone, Create create,
                                                base::Deadline deadline);
  awaitable<Answer<ScalewayPart>> create_address(std::string zone, Tags tags,
                                                 base::Deadline deadline);
  // False when there is no such volume among those that outlive their server.
  awaitable<Answer<bool>> tag_volume(std::string zone, std::string id, Tags tags,
                                     base::Deadline deadline);
  awaitable<Answer<Done>> set_cloud_init(std::string zone, std::string server, std::string text,
                                         base::Deadline deadline);
  // "poweron", "terminate".
  awaitable<Called> act(std::string zone, std::string server, std::string action,
                        base::Deadline deadline);
  awaitable<Called> delete_server(std::string zone, std::string id, base::Deadline deadline);
  awaitable<Called> delete_volume(std::string zone, std::string id, base::Deadline deadline);
  awaitable<Called> delete_address(std::string zone, std::string id, base::Deadline deadline);

  // Nothing when there is none.
  using Found = std::optional<ScalewayPart>;
  awaitable<Answer<Found>> server(std::string zone, std::string id, base::Deadline deadline);
  awaitable<Answer<Found>> volume(std::string zone, std::string id, base::Deadline deadline);
  awaitable<Answer<Found>> address(std::string zone, std::string id, base::Deadline deadline);

  // All of a zone that carry `tag`.
  using Parts = std::vector<ScalewayPart>;
  awaitable<Answer<Parts>> servers(std::string zone, std::string tag, base::Deadline deadline);
  awaitable<Answer<Parts>> volumes(std::string zone, std::string tag, base::Deadline deadline);
  awaitable<Answer<Parts>> addresses(std::string zone, std::string tag, base::Deadline deadline);

  const CloudCalls& calls() const { return calls_; }

 private:
  struct Listing;  // a row of what can be listed
  awaitable<Called> call(CloudRequest request, base::Deadline deadline);
  awaitable<Answer<Parts>> list(const Listing& listing, std::string zone, std::string tag,
                                base::Deadline deadline);
  awaitable<Answer<Found>> get(const Listing& listing, std::string zone, std::string id,
                               base::Deadline deadline);
  std::string instance(const std::string& zone) const;
  std::string block(const std::string& zone) const;

  ScalewayOptions options_;
  CloudCalls calls_;
  struct Image {
    std::string id;
    base::Deadline until;
  };
  std::map<std::string, Image> images_;  // by zone, label and type
};

}  // namespace mecapy::clouds
