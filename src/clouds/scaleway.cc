#include "clouds/scaleway.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "clouds/cloud_init.h"
#include "clouds/scaleway_api.h"
#include "clouds/scaleway_ends.h"

namespace mecapy::clouds {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

// What is known of a machine, as it is saved.
struct Known {
  std::string zone;
  std::string address;
  std::string server;
  std::string volume;

  std::string text() const {
    return json::serialize(
        json::object{{"zone", zone}, {"address", address}, {"server", server}, {"volume", volume}});
  }
  static Known parse(const std::string& text) {
    json::error_code ec;
    const json::value value = json::parse(text, ec);
    if (ec) return {};
    return {id_at(value, {"zone"}), id_at(value, {"address"}), id_at(value, {"server"}),
            id_at(value, {"volume"})};
  }
};

std::string said(const ScalewayPart& part) {
  return part.detail.empty() ? part.state : part.state + ", " + part.detail;
}

// A server that powered itself off is "stopped in place": the cloud still bills it.
Phase phase_of(const std::string& state) {
  if (state == "running") return Phase::running;
  if (state == "starting") return Phase::making;
  return Phase::over;
}

template <class T>
const Refusal* refusal_in(const Answer<T>& answer) {
  return std::get_if<Refusal>(&answer);
}

using One = ScalewayApi::Found;
using Parts = ScalewayApi::Parts;

class Scaleway final : public Placer {
 public:
  explicit Scaleway(ScalewayOptions options)
      : options_(std::move(options)),
        offers_(scaleway_offers(options_)),
        api_(options_),
        ends_(api_, options_.installation) {}

  std::string_view name() const override { return "scaleway"; }
  const std::vector<Offer>& offers() const override { return offers_; }

  awaitable<Answer<Done>> place(Order order, Save save, base::Deadline deadline) override;
  awaitable<Answer<Sight>> look(std::string machine, std::string parts,
                                base::Deadline deadline) override;
  awaitable<Answer<bool>> destroy(std::string machine, std::string parts,
                                  base::Deadline deadline) override;
  awaitable<Answer<std::vector<Found>>> list(base::Deadline deadline) override;
  awaitable<Answer<bool>> remove(Found part, base::Deadline deadline) override;

 private:
  // Where a machine may have parts: where nothing is saved, nothing was asked for.
  std::vector<std::string> zones_of(const Known& known) const {
    return known.zone.empty() ? options_.zones : std::vector<std::string>{known.zone};
  }
  bool is_used(const std::string& zone) const {
    return std::ranges::find(options_.zones, zone) != options_.zones.end();
  }

  awaitable<Answer<Done>> make(const Order& order, const MachineType& type, const Save& save,
                               base::Deadline deadline);
  awaitable<Answer<Done>> switch_on(const Known& known, const Order& order, const MachineType& type,
                                    base::Deadline deadline);
  awaitable<Answer<Done>> settle(const Known& known, const Order& order, Refusal idle,
                                 base::Deadline deadline);
  awaitable<Answer<bool>> clear(std::string zone, std::string machine, Known known,
                                base::Deadline deadline);
  ScalewayOptions options_;
  std::vector<Offer> offers_;
  ScalewayApi api_;
  ScalewayEnds ends_;
};

awaitable<void> pause(std::chrono::milliseconds length) {
  asio::steady_timer timer(co_await asio::this_coro::executor, length);
  boost::system::error_code ec;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ec));
}

// ---- place

awaitable<Answer<Done>> Scaleway::place(Order order, Save save, base::Deadline deadline) {
  const auto type = std::ranges::find(options_.types, order.type, &MachineType::name);
  if (type == options_.types.end() || !is_used(order.zone)) {
    co_return api_.calls().refusal(Trouble::refused, "a machine",
                                   "no " + order.type + " is to be made in " + order.zone);
  }
  co_return co_await make(order, *type, save, deadline);
}

awaitable<Answer<Done>> Scaleway::make(const Order& order, const MachineType& type,
                                       const Save& save, base::Deadline deadline) {
  const Refusal unsaved =
      api_.calls().refusal(Trouble::passing, "a machine", "it could not be noted");
  auto image = co_await api_.image(order.zone, type.gpus > 0 ? options_.gpu_image : options_.image,
                                   type.name, deadline);
  if (const Refusal* refusal = refusal_in(image)) co_return *refusal;
  Known known;
  known.zone = order.zone;
  if (!co_await save(known.text())) co_return unsaved;

  auto address = co_await api_.create_address(order.zone, ends_.tags(order.machine), deadline);
  if (const Refusal* refusal = refusal_in(address)) co_return *refusal;
  known.address = std::get<ScalewayPart>(address).id;
  if (!co_await save(known.text())) co_return unsaved;

  ScalewayApi::Create create{"mecapy-" + order.machine, type.name, std::get<std::string>(image),
                             known.address, ends_.tags(order.machine)};
  auto server = co_await api_.create_server(order.zone, std::move(create), deadline);
  if (const Refusal* refusal = refusal_in(server)) co_return *refusal;
  const auto& made = std::get<ScalewayPart>(server);
  known.server = made.id;
  if (!made.volumes.empty()) known.volume = made.volumes.front();
  if (!co_await save(known.text())) co_return unsaved;
  for (const std::string& volume : made.volumes) {
    auto tagged = co_await api_.tag_volume(order.zone, volume, ends_.tags(order.machine), deadline);
    if (const Refusal* refusal = refusal_in(tagged)) co_return *refusal;
  }
  co_return co_await switch_on(known, order, type, deadline);
}

awaitable<Answer<Done>> Scaleway::switch_on(const Known& known, const Order& order,
                                            const MachineType& type, base::Deadline deadline) {
  const Boot boot{order.home_url, order.token, order.life, options_.worker_image, type.gpus};
  auto set = co_await api_.set_cloud_init(known.zone, known.server, cloud_init(boot), deadline);
  if (const Refusal* refusal = refusal_in(set)) co_return *refusal;
  Called on = co_await api_.act(known.zone, known.server, "poweron", deadline);
  Refusal idle = api_.calls().refusal(Trouble::passing, "a server", "it was not seen to start");
  if (const auto* refused = std::get_if<Refused>(&on)) {
    // Whether it was done is seen below.
    const Trouble trouble = refused->refusal.trouble;
    if (trouble != Trouble::passing && trouble != Trouble::unknown) co_return refused->refusal;
    idle = refused->refusal;
  }
  co_return co_await settle(known, order, std::move(idle), deadline);
}

// Until it runs, or did. A machine for which its zone has no room goes back to "stopped"; one that
// never left it is `idle`.
awaitable<Answer<Done>> Scaleway::settle(const Known& known, const Order& order, Refusal idle,
                                         base::Deadline deadline) {
  const base::Deadline until = std::min(deadline, base::after(options_.settle));
  bool started = false;
  for (int looks = 1; looks == 1 || !order.overtaken(); ++looks) {
    auto answer = co_await api_.server(known.zone, known.server, until);
    if (const auto* one = std::get_if<One>(&answer)) {
      if (!*one) {
        co_return api_.calls().refusal(Trouble::passing, "a server", "it is gone before it ran");
      }
      const std::string& state = (*one)->state;
      if (state != "starting" && state != "stopped") co_return Done{};
      if (state == "starting") started = true;
      if (state == "stopped" && started) {
        co_return api_.calls().refusal(Trouble::out_of_stock, "a server",
                                       "it did not start, and is stopped again");
      }
      // An answer of 2xx that came to nothing.
      if (state == "stopped" && looks % 5 == 0) {
        Called again = co_await api_.act(known.zone, known.server, "poweron", until);
        if (auto* refused = std::get_if<Refused>(&again)) idle = std::move(refused->refusal);
      }
    }
    if (base::after(options_.poll) >= until) {
      if (started) break;
      co_return idle;
    }
    co_await pause(options_.poll);
  }
  co_return Done{};
}

// ---- look

awaitable<Answer<Sight>> Scaleway::look(std::string machine, std::string parts,
                                        base::Deadline deadline) {
  const Known known = Known::parse(parts);
  for (const std::string& zone : zones_of(known)) {
    auto found = co_await ends_.find(kScalewayKinds[0], zone, machine, known.server, deadline);
    if (const Refusal* refusal = refusal_in(found)) co_return *refusal;
    for (const ScalewayPart& server : std::get<Parts>(found)) {
      co_return Sight{phase_of(server.state), said(server), {}};
    }
  }
  co_return Sight{Phase::absent, "its server is gone", {}};
}

// ---- destroy

awaitable<Answer<bool>> Scaleway::destroy(std::string machine, std::string parts,
                                          base::Deadline deadline) {
  const Known known = Known::parse(parts);
  bool nothing = true;
  for (const std::string& zone : zones_of(known)) {
    auto cleared = co_await clear(zone, machine, known, deadline);
    if (refusal_in(cleared) != nullptr) co_return cleared;
    nothing = nothing && std::get<bool>(cleared);
  }
  co_return nothing;
}

// Volumes and addresses come after their server. True when nothing was found: that something was
// deleted is believed when it is not found any more.
awaitable<Answer<bool>> Scaleway::clear(std::string zone, std::string machine, Known known,
                                        base::Deadline deadline) {
  bool nothing = true;
  for (const ScalewayKind& kind : kScalewayKinds) {
    const std::string id = kind.name == "server"   ? known.server
                           : kind.name == "volume" ? known.volume
                                                   : known.address;
    auto found = co_await ends_.find(kind, zone, machine, id, deadline);
    if (const Refusal* refusal = refusal_in(found)) co_return *refusal;
    for (const ScalewayPart& part : std::get<Parts>(found)) {
      auto ended = co_await ends_.end(kind, part, machine, deadline);
      if (const Refusal* refusal = refusal_in(ended)) co_return *refusal;
      nothing = false;
    }
    if (kind.name == "server" && !nothing) co_return false;
  }
  co_return nothing;
}

// ---- all that is ours

awaitable<Answer<std::vector<Found>>> Scaleway::list(base::Deadline deadline) {
  std::vector<std::string> zones = options_.zones;
  std::ranges::copy_if(scaleway_zones(), std::back_inserter(zones),
                       [this](const std::string& zone) { return !is_used(zone); });
  std::vector<Found> found;
  for (const std::string& zone : zones) {
    for (const ScalewayKind& kind : kScalewayKinds) {
      auto answer = co_await (api_.*(kind.list))(zone, ends_.home_tag(), deadline);
      if (const Refusal* refusal = refusal_in(answer)) {
        // A zone that is not used any more does not hide what is in the others.
        if (is_used(zone)) co_return *refusal;
        base::log_warn("a zone could not be searched", {{"error", refusal->message}});
        break;
      }
      for (const ScalewayPart& part : std::get<Parts>(answer)) {
        found.push_back(
            {machine_of(part), std::string(kind.name), part.id, zone, said(part), part.made});
      }
    }
  }
  co_return found;
}

awaitable<Answer<bool>> Scaleway::remove(Found part, base::Deadline deadline) {
  const auto kind = std::ranges::find(kScalewayKinds, part.kind, &ScalewayKind::name);
  if (kind == kScalewayKinds.end() || !is_id(part.id) || !is_id(part.zone)) {
    co_return api_.calls().refusal(Trouble::refused, "a part", "it has no name");
  }
  auto there = co_await (api_.*(kind->get))(part.zone, part.id, deadline);
  if (const Refusal* refusal = refusal_in(there)) co_return *refusal;
  const One& one = std::get<One>(there);
  if (!one) co_return true;
  if (!carries(*one, ends_.home_tag())) {
    co_return api_.calls().refusal(Trouble::refused, "a part", "it is not ours any more");
  }
  auto ended = co_await ends_.end(*kind, *one, part.machine, deadline);
  if (const Refusal* refusal = refusal_in(ended)) co_return *refusal;
  co_return false;
}

}  // namespace

std::vector<Offer> scaleway_offers(const ScalewayOptions& options) {
  return offers_of(options.types, options.zones);
}

std::unique_ptr<Placer> make_scaleway(ScalewayOptions options) {
  return std::make_unique<Scaleway>(std::move(options));
}

const std::vector<std::string>& scaleway_zones() {
  static const std::vector<std::string> zones = {"fr-par-1", "fr-par-2", "fr-par-3", "nl-ams-1",
                                                 "nl-ams-2", "nl-ams-3", "pl-waw-1", "pl-waw-2",
                                                 "pl-waw-3", "it-mil-1"};
  return zones;
}

}  // namespace mecapy::clouds
