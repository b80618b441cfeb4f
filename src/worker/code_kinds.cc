#include "worker/code_kinds.h"

#include <algorithm>
#include <boost/json.hpp>
#include <functional>

namespace mecapy::worker {
namespace {

namespace json = boost::json;
using sandbox::ZygoteKind;

ZygoteKind kind_of_answer(std::string_view answer) {
  boost::system::error_code failed;
  const json::value value = json::parse(json::string_view(answer.data(), answer.size()), failed);
  const json::object* object = failed ? nullptr : value.if_object();
  const json::value* imports = object == nullptr ? nullptr : object->if_contains("imports");
  if (imports == nullptr || !imports->is_array()) return ZygoteKind::bare;
  ZygoteKind highest = ZygoteKind::bare;
  for (const json::value& name : imports->get_array()) {
    if (!name.is_string()) continue;
    const json::string& text = name.get_string();
    highest = std::max(highest, sandbox::kind_of_package({text.data(), text.size()}));
  }
  return highest;
}

}  // namespace

std::optional<ZygoteKind> CodeKinds::find(std::string_view code) {
  if (const auto* known = known_.find(std::hash<std::string_view>{}(code))) return *known;
  // A look costs as much as a run: where little can be gained the mention is good enough.
  const ZygoteKind mentioned = sandbox::highest_mentioned(code);
  if (mentioned <= ZygoteKind::numpy) return mentioned;
  return std::nullopt;
}

void CodeKinds::learn(std::string_view code, std::string_view answer) {
  known_.put(std::hash<std::string_view>{}(code), kind_of_answer(answer));
}

}  // namespace mecapy::worker
