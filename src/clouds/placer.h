// A placer makes machines elsewhere, each for one run, and takes away all that was made.
//
// Whatever a placer makes carries two tags: the installation it belongs to and the machine's own
// id. So what a lost answer or a killed process left behind is found again by asking the cloud
// alone.
//
// Rules that hold for every placer (placer_contract_test runs them all against each):
//  - place() makes the parts of one machine in order, and has each part's id saved before it asks
//  for
//    the next. When it fails, parts may be there: destroy() takes them away.
//  - destroy() may be called at any time, also for what was never made, and again; it is done when
//  it
//    says so: nothing of the machine is there, no volume and no address.
//  - look() changes nothing. A machine the cloud does not know is `absent`.
//  - list() tells all parts that carry the installation's tag, also those of machines nobody knows.
//  - Nothing waits beyond its deadline; the cloud's words are shown within bounds; no token and no
//    key is ever in an error or a log.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "model/outcome.h"

namespace mecapy::clouds {

using boost::asio::awaitable;

// What is wrong, by what can be done about it.
enum class Trouble : std::uint8_t {
  passing,       // surely not done: the cloud is busy or away; the same again, later
  unknown,       // asked for, and no usable answer: done or not; look by tag before asking again
  out_of_stock,  // not this type here now: another place, or later
  quota,         // the account may not have more: the operator raises it, or machines end
  refused,       // credentials, permissions or settings: only the operator can mend it
};
std::string_view name(Trouble trouble);

struct Refusal {
  Trouble trouble = Trouble::passing;
  std::string message;  // for the operator: what was asked, what was answered
};
// "out of stock: ...", for the log and for whoever waits.
std::string words_of(const Refusal& refusal);
template <class T>
using Answer = std::variant<T, Refusal>;
struct Done {};

// What a machine is made for. Its worker calls home by itself.
struct Order {
  std::string machine;           // our id, hexadecimal and '-': tag, name, token's owner
  std::string type;              // of the placer's offers
  std::string zone;              // of the offer, "" where there are none
  std::string home_url;          // https://...
  std::string token;             // good for one attempt; in the boot data only
  std::chrono::seconds life{0};  // after which it must be gone, whatever happens
  int cpus = 1;                  // of a placer that cuts machines to size
  std::int64_t memory_mb = 0;
  int gpus = 0;
  // Asked while place() waits for what it made to be on. True once its worker has called home, or
  // nobody wants the machine any more: place() is done then, whatever the cloud says of it.
  std::function<bool()> overtaken = [] { return false; };
};

// A kind of machine that can be had.
struct Offer {
  std::string type;
  std::string zone;
  int cpus = 1;
  std::int64_t memory_mb = 0;
  int gpus = 0;
};

enum class Phase : std::uint8_t {
  absent,   // nothing of the machine itself is there (a volume may be)
  making,   // asked for, or not on yet
  running,  // on: its worker may be at work
  over,     // off, failed or ended, and still there
};
struct Sight {
  Phase phase = Phase::absent;
  std::string said;  // the cloud's own word: "starting", "BUILD", "TIMEOUT"
  // Why it ended, where the placer's own evidence tells: out_of_memory, timeout, worker_lost.
  std::optional<model::OutcomeCode> why{};
};

// A part that carries our tag.
struct Found {
  std::string machine;  // "" when it carries none
  std::string kind;     // "server", "volume", "address", "job"
  std::string id;
  std::string zone;
  std::string said;
  std::optional<base::TimePoint> made{};
};

// Keeps what is known of a machine's parts, as one line of text that only its placer reads. Awaited
// before the next call to the cloud; false: it could not be kept, stop.
using Save = std::function<awaitable<bool>(std::string parts)>;

class Placer {
 public:
  virtual ~Placer() = default;
  virtual std::string_view name() const = 0;  // in machines.placers
  // In order of preference, the cheapest first.
  virtual const std::vector<Offer>& offers() const = 0;
  // So long a machine may wait in a queue of its own before it begins to boot. Order::life is from
  // when it does.
  virtual std::chrono::seconds queue() const { return std::chrono::seconds(0); }
  virtual awaitable<Answer<Done>> place(Order order, Save save, base::Deadline deadline) = 0;
  // `parts` as last saved; "" when nothing was.
  virtual awaitable<Answer<Sight>> look(std::string machine, std::string parts,
                                        base::Deadline deadline) = 0;
  // One step towards nothing being left. True when nothing is.
  virtual awaitable<Answer<bool>> destroy(std::string machine, std::string parts,
                                          base::Deadline deadline) = 0;
  virtual awaitable<Answer<std::vector<Found>>> list(base::Deadline deadline) = 0;
  // One step towards removing a part that list() told. True when it is gone.
  virtual awaitable<Answer<bool>> remove(Found part, base::Deadline deadline) = 0;
};

}  // namespace mecapy::clouds
