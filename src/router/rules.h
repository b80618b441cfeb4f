// Which backend a run goes to: one table of rules, of which the first that matches wins. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mecapy::router {

// What a run needs.
struct Need {
  double duration_s = 0;  // as estimated
  double cpus = 1;
  double memory_mb = 0;
};

// The most that a configured backend has for one run.
struct Offer {
  std::string backend;  // as in the API
  double duration_s = 0;
  double cpus = 0;
  double memory_mb = 0;
};

struct Condition {
  double Need::*of;
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
// duration<SECONDS, cpus<NUMBER or memory<MIB, or '*' stands for none. usage for another text.
Result<std::vector<Rule>> parse_rules(std::string_view text);

struct Choice {
  std::string backend;
  std::string why;  // the rule, for people
};

// The first rule whose conditions hold and whose backend is offered with all that is needed.
// invalid_fields when there is none: says what the backends have.
Result<Choice> choose(const std::vector<Rule>& rules, const std::vector<Offer>& offers,
                      const Need& need);

}  // namespace mecapy::router
