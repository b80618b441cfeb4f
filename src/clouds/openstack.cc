#include "clouds/openstack.h"

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "clouds/cloud_init.h"
#include "clouds/openstack_api.h"
#include "wire/base64.h"

namespace mecapy::clouds {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr const char* kHome = "mecapy-home";
constexpr const char* kMachine = "mecapy-machine";
constexpr std::size_t kLongestUserData = 65'535;
// In which a server does nothing, and costs. What is none of these is at work, or on its way.
constexpr std::array kOver = {"ERROR",   "SHUTOFF",           "STOPPED", "SUSPENDED",   "PAUSED",
                              "SHELVED", "SHELVED_OFFLOADED", "DELETED", "SOFT_DELETED"};

bool is_over(const std::string& status) { return std::ranges::find(kOver, status) != kOver.end(); }

Phase phase_of(const std::string& status) {
  if (is_over(status)) return Phase::over;
  return status == "BUILD" ? Phase::making : Phase::running;
}

std::string said(const OpenstackServer& server) {
  return server.fault.empty() ? server.status : server.status + ": " + server.fault;
}

std::string text_of(const OpenstackServer& server, const char* name) {
  const auto it = server.metadata.find(name);
  return it == server.metadata.end() ? "" : it->second;
}

// The saved id; "" when none was saved.
std::string known(const std::string& parts) {
  json::error_code ec;
  const json::value value = json::parse(parts, ec);
  return ec ? "" : id_at(value, {"server"});
}

using One = OpenstackApi::Found;
using Servers = std::vector<OpenstackServer>;

class Openstack final : public Placer {
 public:
  explicit Openstack(OpenstackOptions options)
      : options_(std::move(options)), offers_(openstack_offers(options_)), api_(options_) {}

  std::string_view name() const override { return "openstack"; }
  const std::vector<Offer>& offers() const override { return offers_; }

  awaitable<Answer<Done>> place(Order order, Save save, base::Deadline deadline) override;
  awaitable<Answer<Sight>> look(std::string machine, std::string parts,
                                base::Deadline deadline) override;
  awaitable<Answer<bool>> destroy(std::string machine, std::string parts,
                                  base::Deadline deadline) override;
  awaitable<Answer<std::vector<Found>>> list(base::Deadline deadline) override;
  awaitable<Answer<bool>> remove(Found part, base::Deadline deadline) override;

 private:
  bool is_ours(const OpenstackServer& server) const {
    return text_of(server, kHome) == options_.installation;
  }
  awaitable<Answer<Done>> settle(std::string id, const Order& order, base::Deadline deadline);
  // The machine's: what was saved, and what carries its name.
  awaitable<Answer<Servers>> find(std::string machine, std::string parts, base::Deadline deadline);

  OpenstackOptions options_;
  std::vector<Offer> offers_;
  OpenstackApi api_;
};

awaitable<Answer<Done>> Openstack::place(Order order, Save save, base::Deadline deadline) {
  const auto type = std::ranges::find(options_.types, order.type, &MachineType::name);
  if (type == options_.types.end() || order.zone != options_.region) {
    co_return api_.calls().refusal(Trouble::refused, "a machine",
                                   "no " + order.type + " is to be made in " + order.zone);
  }
  const Boot boot{order.home_url, order.token, order.life, options_.worker_image, type->gpus};
  OpenstackApi::Create create;
  create.name = "mecapy-" + order.machine;
  create.flavor = type->id.empty() ? type->name : type->id;
  create.user_data = wire::encode_base64(cloud_init(boot));
  create.metadata = {
      {"mecapy", "machine"}, {kHome, options_.installation}, {kMachine, order.machine}};
  if (create.user_data.size() > kLongestUserData) {
    co_return api_.calls().refusal(Trouble::refused, "a machine",
                                   "what it is told at boot is too long");
  }
  const Refusal unsaved =
      api_.calls().refusal(Trouble::passing, "a machine", "it could not be noted");
  if (!co_await save("{}")) co_return unsaved;
  auto created = co_await api_.create(std::move(create), deadline);
  if (const auto* refusal = std::get_if<Refusal>(&created)) co_return *refusal;
  const std::string& id = std::get<std::string>(created);
  if (!co_await save(json::serialize(json::object{{"server", id}}))) co_return unsaved;
  co_return co_await settle(id, order, deadline);
}

// Until it runs, or did. A server for which there is no host is accepted first, and told as ERROR.
awaitable<Answer<Done>> Openstack::settle(std::string id, const Order& order,
                                          base::Deadline deadline) {
  const base::Deadline until = std::min(deadline, base::after(options_.settle));
  for (int looks = 1; looks == 1 || !order.overtaken(); ++looks) {
    auto answer = co_await api_.server(id, until);
    if (const auto* one = std::get_if<One>(&answer)) {
      if (!*one) {
        co_return api_.calls().refusal(Trouble::passing, "a server", "it is gone before it ran");
      }
      if (is_over((*one)->status)) {
        co_return api_.calls().refusal(Trouble::out_of_stock, "a server", said(**one));
      }
      if ((*one)->status != "BUILD") co_return Done{};
    }
    if (base::after(options_.poll) >= until) break;  // looked at further on
    asio::steady_timer timer(co_await asio::this_coro::executor, options_.poll);
    boost::system::error_code ec;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
  }
  co_return Done{};
}

awaitable<Answer<Servers>> Openstack::find(std::string machine, std::string parts,
                                           base::Deadline deadline) {
  auto all = co_await api_.servers(deadline);
  if (std::holds_alternative<Refusal>(all)) co_return all;
  auto servers = std::get<Servers>(std::move(all));
  std::erase_if(servers, [&](const OpenstackServer& server) {
    return !is_ours(server) || text_of(server, kMachine) != machine;
  });
  const std::string id = known(parts);
  if (id.empty() || std::ranges::find(servers, id, &OpenstackServer::id) != servers.end()) {
    co_return servers;
  }
  auto saved = co_await api_.server(id, deadline);
  if (const auto* refusal = std::get_if<Refusal>(&saved)) co_return *refusal;
  if (auto& one = std::get<One>(saved)) servers.push_back(std::move(*one));
  co_return servers;
}

awaitable<Answer<Sight>> Openstack::look(std::string machine, std::string parts,
                                         base::Deadline deadline) {
  const std::string id = known(parts);
  std::optional<OpenstackServer> server;
  if (!id.empty()) {
    auto answer = co_await api_.server(id, deadline);
    if (const auto* refusal = std::get_if<Refusal>(&answer)) co_return *refusal;
    server = std::get<One>(std::move(answer));
  } else {
    auto found = co_await find(machine, parts, deadline);
    if (const auto* refusal = std::get_if<Refusal>(&found)) co_return *refusal;
    auto& servers = std::get<Servers>(found);
    if (!servers.empty()) server = std::move(servers.front());
  }
  if (!server) co_return Sight{Phase::absent, "its server is gone", {}};
  co_return Sight{phase_of(server->status), said(*server), {}};
}

awaitable<Answer<bool>> Openstack::destroy(std::string machine, std::string parts,
                                           base::Deadline deadline) {
  auto found = co_await find(machine, parts, deadline);
  if (const auto* refusal = std::get_if<Refusal>(&found)) co_return *refusal;
  for (const OpenstackServer& server : std::get<Servers>(found)) {
    auto removed = co_await api_.remove(server.id, deadline);
    if (const auto* refusal = std::get_if<Refusal>(&removed)) co_return *refusal;
  }
  co_return std::get<Servers>(found).empty();
}

awaitable<Answer<std::vector<Found>>> Openstack::list(base::Deadline deadline) {
  auto all = co_await api_.servers(deadline);
  if (const auto* refusal = std::get_if<Refusal>(&all)) co_return *refusal;
  std::vector<Found> found;
  for (const OpenstackServer& server : std::get<Servers>(all)) {
    if (!is_ours(server)) continue;
    found.push_back({text_of(server, kMachine), "server", server.id, options_.region, said(server),
                     server.made});
  }
  co_return found;
}

awaitable<Answer<bool>> Openstack::remove(Found part, base::Deadline deadline) {
  if (!is_id(part.id)) co_return api_.calls().refusal(Trouble::refused, "a part", "it has no name");
  auto answer = co_await api_.server(part.id, deadline);
  if (const auto* refusal = std::get_if<Refusal>(&answer)) co_return *refusal;
  const One& one = std::get<One>(answer);
  if (!one) co_return true;
  if (!is_ours(*one)) {
    co_return api_.calls().refusal(Trouble::refused, "a part", "it is not ours any more");
  }
  auto removed = co_await api_.remove(part.id, deadline);
  if (const auto* refusal = std::get_if<Refusal>(&removed)) co_return *refusal;
  co_return false;
}

}  // namespace

std::vector<Offer> openstack_offers(const OpenstackOptions& options) {
  return offers_of(options.types, {options.region});
}

std::unique_ptr<Placer> make_openstack(OpenstackOptions options) {
  return std::make_unique<Openstack>(std::move(options));
}

}  // namespace mecapy::clouds
