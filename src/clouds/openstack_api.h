// The calls to OpenStack that a machine needs: keystone's token and catalogue, nova's servers. What
// a call says and what its answer means is here, what follows from it in openstack.cc.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "clouds/cloud_calls.h"
#include "clouds/openstack.h"

namespace mecapy::clouds {

struct OpenstackServer {
  std::string id;
  std::string status;
  std::string fault;  // why it is in ERROR
  std::map<std::string, std::string> metadata;
  std::optional<base::TimePoint> made{};
};

// For how long a token that has just come is used, by the end that is told of it: a day at most,
// and as long when no end is told, or one that is over: by clocks that differ, or a slip. A token
// that is good for less is refused, and replaced then.
std::chrono::microseconds token_lasts(std::optional<base::TimePoint> end, base::TimePoint now);

class OpenstackApi {
 public:
  explicit OpenstackApi(const OpenstackOptions& options);

  struct Create {
    std::string name;
    std::string flavor;
    std::string user_data;  // base64
    std::map<std::string, std::string> metadata;
  };
  // The id.
  awaitable<Answer<std::string>> create(Create create, base::Deadline deadline);
  // Nothing when there is none.
  using Found = std::optional<OpenstackServer>;
  awaitable<Answer<Found>> server(std::string id, base::Deadline deadline);
  // All there are, whosever.
  awaitable<Answer<std::vector<OpenstackServer>>> servers(base::Deadline deadline);
  awaitable<Answer<Done>> remove(std::string id, base::Deadline deadline);

  const CloudCalls& calls() const { return calls_; }

 private:
  // Where servers are, and by what it is reached.
  struct Session {
    std::string token;
    std::string compute;
    base::Deadline until{};
  };
  // The one kept, while it is good; else a new one, asked for once by all who wait for it.
  awaitable<Answer<Session>> session(base::Deadline deadline);
  awaitable<Answer<Session>> log_in(base::Deadline deadline);
  Answer<Session> read_session(const Reply& reply) const;
  // `request.url` is what follows the address of the servers. A token that is refused is replaced,
  // once.
  awaitable<Called> call(CloudRequest request, base::Deadline deadline);

  OpenstackOptions options_;
  CloudCalls calls_;
  std::optional<Session> session_;
  bool logging_in_ = false;
};

}  // namespace mecapy::clouds
