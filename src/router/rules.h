// Which backend a run goes to: one table of rules, of which the first that matches wins. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/limits.h"

namespace mecapy::router {

// So much of one thing. It has no default: what nobody set does not compile, and is not 0.
struct Amount {
  explicit Amount(double amount) : of(amount) {}
  double of;
};

// What a run needs.
struct Need {
  Amount duration_s;  // as estimated
  Amount cpus;
  Amount memory_mb;
  Amount gpus;
};

// The most that a configured backend has for one run; one with several kinds of machine has an
// offer for each.
struct Offer {
  std::string backend;  // as in the API
  Amount duration_s;
  Amount cpus;
  Amount memory_mb;
  Amount gpus;
  bool for_gpus_only = false;  // not for runs that ask for no graphics processor
};

// Of a run with `limits` that takes so many seconds.
Need need_of(double seconds, const model::Limits& limits);
// Of a backend whose runs may have these limits at most.
Offer offer_of(std::string_view backend, const model::Limits& most);

struct Condition {
  Amount Need::*of;
  double below;
};

struct Rule {
  std::vector<Condition> conditions;  // all of them hold; none: always
  std::string backend;
  std::string text;  // as it was written
};

// The first content of the table, after the request this platform was made for: below ten minutes a
// container, else a machine of its own. What is not configured is passed over.
inline constexpr std::string_view kFirstRules =
    "duration<600:serverless_container duration<600:local *:dedicated_instance "
    "*:serverless_container *:local";

// Rules with spaces between them: CONDITION[,CONDITION...]:BACKEND, where a condition is
// one of conditions(), or '*' stands for none. usage for another text.
Result<std::vector<Rule>> parse_rules(std::string_view text);

// All conditions, as people write them: "duration<SECONDS".
std::vector<std::string> conditions();

struct Choice {
  std::string backend;
  std::string why;  // the rule, for people
};

// Why `offer` is not for the run, in words: what it has too little of; "" when it is.
std::string lacking(const Offer& offer, const Need& need);

// The first rule whose conditions hold and whose backend is offered with all that is needed.
// invalid_fields when there is none: says what the backends have, the last of their offers.
Result<Choice> choose(const std::vector<Rule>& rules, const std::vector<Offer>& offers,
                      const Need& need);

}  // namespace mecapy::router
