#include "worker/code_kinds.h"

#include <algorithm>
#include <boost/json.hpp>
#include <functional>

namespace mecapy::worker {
namespace {

namespace json = boost::json;
using sandbox::ZygoteKind;

constexpr std::size_t kRemembered = 1024;

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
  const auto it = known_.find(std::hash<std::string_view>{}(code));
  if (it != known_.end()) {
    order_.splice(order_.begin(), order_, it->second);
    return it->second->kind;
  }
  // A look costs as much as a run: where little can be gained the mention is good enough.
  const ZygoteKind mentioned = sandbox::highest_mentioned(code);
  if (mentioned <= ZygoteKind::numpy) return mentioned;
  return std::nullopt;
}

void CodeKinds::learn(std::string_view code, std::string_view answer) {
  const std::uint64_t hash = std::hash<std::string_view>{}(code);
  if (known_.contains(hash)) return;
  order_.push_front({hash, kind_of_answer(answer)});
  known_.emplace(hash, order_.begin());
  if (order_.size() <= kRemembered) return;
  known_.erase(order_.back().hash);
  order_.pop_back();
}

}  // namespace mecapy::worker
