#include "orchestrator/values.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "base/offload.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "wire/json.h"
#include "wire/python_values.h"

namespace mecapy::orchestrator {
namespace {

constexpr std::chrono::seconds kDeadline{60};  // for one object
constexpr int kPage = 200;
constexpr std::size_t kWindow = 1UL << 20;  // of a long list, at a time
constexpr std::size_t kPiece = 1UL << 20;   // of a list that grows

Error not_there(std::string what) { return fail(ErrorCode::invalid_fields, std::move(what)); }

Error too_much() {
  return fail(ErrorCode::too_large,
              "the values together have more than " + std::to_string(kMostBytes >> 20) + " MiB");
}

constexpr std::size_t kInputs = std::numeric_limits<std::size_t>::max();
constexpr char kApart = '\0';  // stands in no name

// Of sources with the same value the same.
std::string list_key(const model::Source& source) {
  if (const auto* constant = std::get_if<model::Constant>(&source)) {
    return kApart + base::sha256_hex(constant->json);
  }
  if (const auto* input = std::get_if<model::FromInput>(&source)) {
    return "input" + (kApart + input->name) + kApart + input->at;
  }
  const auto& node = std::get<model::FromNode>(source);
  return "node" + (kApart + node.node) + kApart + node.at;
}

std::string quoted(const std::string& name) { return "\"" + name + "\""; }

// What stands there instead, where it is of Python and leads no further.
std::string kind_of(std::string_view json, const std::string& at) {
  const std::string kind = wire::kind_in(json, at);
  return kind.empty() ? "" : ": there stands a " + base::one_line(kind, 40);
}

std::size_t size_of(const List& list) {
  return list.text.size() + list.items.size() * sizeof(List::Place);
}

}  // namespace

awaitable<Result<std::string>> Values::of(const model::Source& source,
                                          std::optional<std::string_view> element) {
  if (const auto* constant = std::get_if<model::Constant>(&source)) co_return constant->json;
  if (const auto* input = std::get_if<model::FromInput>(&source)) {
    co_return co_await from_input(*input);
  }
  if (const auto* node = std::get_if<model::FromNode>(&source)) co_return co_await from_node(*node);
  const std::string& at = std::get<model::FromElement>(source).at;
  co_return co_await pick(element.value_or("null"), at, "the element");
}

awaitable<Result<bool>> Values::truth(const model::Source& source) {
  auto value = co_await of(source);
  if (!value) co_return value.error();
  if (*value == "true") co_return true;
  if (*value == "false") co_return false;
  co_return not_there("`when` is neither true nor false, but " + base::one_line(*value, 40));
}

awaitable<Result<std::shared_ptr<List>>> Values::list(const model::Source& source) {
  const std::string key = list_key(source);
  if (const auto known = lists_.find(key); known != lists_.end()) co_return known->second;
  auto value = co_await once(source);
  if (!value) co_return value.error();
  if (!value->starts_with('[')) {
    auto items = co_await base::beside_loop<std::string>(
        parts_.threads, value->size(), [&]() -> Result<std::string> {
          auto found = wire::list_in(*value, kMostElements + 1);
          return found ? Result<std::string>(std::move(*found))
                       : not_there("`for_each` is no list" + kind_of(*value, ""));
        });
    if (!items) co_return items.error();
    value = std::move(*items);
  }
  co_await holding_.take(value->size());
  auto list = co_await cut(std::move(*value));
  if (!list) co_return list.error();
  if ((*list)->text.size() > kWindow) {
    if (auto away = co_await put_away(**list, key); !away) co_return away.error();
  }
  lists_[key] = *list;
  co_return *list;
}

// What is known of it afterwards is its list.
awaitable<Result<std::string>> Values::once(const model::Source& source) {
  if (const auto* input = std::get_if<model::FromInput>(&source)) {
    co_return co_await find_input(*input);
  }
  if (const auto* node = std::get_if<model::FromNode>(&source)) {
    co_return co_await find_result(place_of(node->node), node->at);
  }
  co_return co_await of(source);
}

awaitable<Result<std::shared_ptr<List>>> Values::cut(std::string text) {
  auto list = std::make_shared<List>();
  list->text = std::move(text);
  auto places = co_await base::beside_loop<std::vector<List::Place>>(
      parts_.threads, list->text.size(), [&]() -> Result<std::vector<List::Place>> {
        std::vector<List::Place> found;
        for (const std::string_view item : wire::array_items(list->text, kMostElements + 1)) {
          found.push_back({static_cast<std::uint32_t>(item.data() - list->text.data()),
                           static_cast<std::uint32_t>(item.size())});
        }
        return found;
      });
  if (!places) co_return places.error();
  if (places->size() > kMostElements) {
    co_return not_there("`for_each` has more than " + std::to_string(kMostElements) + " elements");
  }
  list->items = std::move(*places);
  co_return list;
}

// One that is there was written before a crash, of the same list. Who sweeps objects that nobody
// needs keeps it until the run of the workflow has ended.
awaitable<Result<void>> Values::put_away(List& list, const std::string& name) {
  list.key = "inputs/" + run_.id.str() + "." + base::sha256_hex(name).substr(0, 16) + "." +
             std::to_string(run_.attempt) + ".json";
  auto put =
      co_await parts_.objects.put(list.key, std::exchange(list.text, ""), base::after(kDeadline));
  if (!put && put.error().code != ErrorCode::conflict) co_return put.error();
  co_return Result<void>{};
}

awaitable<Result<std::string>> Values::item(List& list, std::size_t element) {
  const List::Place place = list.items.at(element);
  const auto is_here = [&] {
    return place.begin >= list.from &&
           place.begin - list.from + std::size_t{place.size} <= list.text.size();
  };
  if (!is_here()) {
    const auto length = static_cast<std::int64_t>(std::max<std::size_t>(kWindow, place.size));
    auto piece =
        co_await parts_.objects.read(list.key, place.begin, length, base::after(kDeadline));
    if (!piece) co_return piece.error();
    list.text = std::move(*piece);
    list.from = place.begin;
    if (!is_here()) co_return fail(ErrorCode::storage, "a list is shorter than it was");
  }
  co_return list.text.substr(place.begin - list.from, place.size);
}

awaitable<Result<std::string>> Values::object(const model::NamedSources& sources) {
  wire::ObjectWriter out;
  for (const auto& [name, source] : sources) {
    auto value = co_await of(source);
    if (!value)
      co_return Error{value.error().code, quoted(name) + ": " + value.error().message, {}};
    co_await holding_.take(value->size());
    out.raw(name, *value);
    if (out.size() > kMostBytes) co_return too_much();
  }
  co_return std::move(out).finish();
}

awaitable<Result<std::string>> Values::inputs(const model::WorkflowNode& node,
                                              std::string_view defaults,
                                              std::optional<std::string_view> element) {
  wire::ObjectWriter out;
  for (const auto& [name, source] : node.inputs) {
    auto value = co_await of(source, element);
    if (!value) {
      co_return Error{
          value.error().code, "input " + quoted(name) + ": " + value.error().message, {}};
    }
    co_await holding_.take(value->size());
    out.raw(name, *value);
    if (out.size() > kMostBytes) co_return too_much();
  }
  if (const auto members = wire::object_members(defaults)) {
    for (const wire::Member& member : *members) {
      const bool given = std::ranges::any_of(
          node.inputs, [&](const auto& input) { return input.first == member.key; });
      if (!given) out.raw(member.key, member.raw);
    }
  }
  co_return std::move(out).finish();
}

awaitable<Result<std::string>> Values::text_of(model::Payload payload) {
  if (!payload.stored()) {
    co_await holding_.take(payload.inline_bytes.size());
    co_return std::move(payload.inline_bytes);
  }
  const auto deadline = base::after(kDeadline);
  auto info = co_await parts_.objects.stat(payload.key, deadline);
  if (!info) co_return info.error();
  if (info->size > static_cast<std::int64_t>(kMostBytes)) co_return too_much();
  co_await holding_.take(static_cast<std::size_t>(info->size));
  auto text = co_await parts_.objects.get(payload.key, kMostBytes, deadline);
  if (!text) co_return text.error().code == ErrorCode::too_large ? too_much() : text.error();
  const std::size_t size = text->size();
  co_return co_await base::beside_loop<std::string>(
      parts_.threads, size, [&]() -> Result<std::string> {
        if (info->sha256.empty() || base::sha256_hex(*text) == info->sha256)
          return std::move(*text);
        return fail(ErrorCode::storage, "an object is not what was written");
      });
}

awaitable<Result<std::string>> Values::pick(std::string_view json, const std::string& at,
                                            std::string whose) {
  co_return co_await base::beside_loop<std::string>(
      parts_.threads, json.size(), [&]() -> Result<std::string> {
        auto value = wire::value_in(json, at);
        if (!value) return not_there(whose + " has nothing at \"" + at + "\"" + kind_of(json, at));
        return std::move(*value);
      });
}

template <class Find>
awaitable<Result<std::string>> Values::known(std::pair<std::size_t, std::string> key, Find find) {
  if (const auto it = known_.find(key); it != known_.end()) co_return it->second;
  auto value = co_await find();
  if (!value || value->size() > kMostKept) co_return value;
  if (known_bytes_ + value->size() > kMostKept) {
    known_.clear();
    known_bytes_ = 0;
  }
  known_bytes_ += value->size();
  known_.emplace(std::move(key), *value);
  co_return value;
}

awaitable<Result<void>> Values::read_inputs() {
  if (inputs_) co_return Result<void>{};
  auto text = co_await text_of(run_.inputs);
  if (!text) co_return text.error();
  inputs_ = std::move(*text);
  auto members = co_await base::beside_loop<std::vector<wire::Member>>(
      parts_.threads, inputs_->size(), [&] { return wire::object_members(*inputs_); });
  if (!members) {
    inputs_.reset();
    co_return members.error();
  }
  input_members_ = std::move(*members);
  co_return Result<void>{};
}

awaitable<Result<std::string>> Values::from_input(const model::FromInput& from) {
  co_return co_await known({kInputs, from.name + kApart + from.at},
                           [&] { return find_input(from); });
}

awaitable<Result<std::string>> Values::find_input(const model::FromInput& from) {
  if (auto read = co_await read_inputs(); !read) co_return read.error();
  const std::string whose = "input " + quoted(from.name);
  const auto member = std::ranges::find(input_members_, from.name, &wire::Member::key);
  if (member != input_members_.end()) co_return co_await pick(member->raw, from.at, whose);
  const auto input = std::ranges::find(definition_.inputs, from.name, &model::WorkflowInput::name);
  if (input != definition_.inputs.end() && input->default_json) {
    co_return co_await pick(*input->default_json, from.at, whose);
  }
  co_return not_there("the workflow was given no " + quoted(from.name));
}

awaitable<Result<std::string>> Values::from_node(const model::FromNode& from) {
  const std::size_t place = place_of(from.node);
  co_return co_await known({place, from.at}, [&] { return find_result(place, from.at); });
}

std::size_t Values::place_of(const std::string& name) const {
  const auto node = std::ranges::find(definition_.nodes, name, &model::WorkflowNode::name);
  return static_cast<std::size_t>(node - definition_.nodes.begin());
}

awaitable<Result<std::string>> Values::find_result(std::size_t place, const std::string& at) {
  const model::WorkflowNode& node = definition_.nodes[place];
  const model::NodeState& state = state_->nodes[place];
  if (state.by_default) {
    co_return co_await pick(node.default_json, at, "the default of " + quoted(node.name));
  }
  if (state.status == model::NodeStatus::skipped) co_return std::string("null");  // of an output
  if (node.each) co_return co_await results(place, at);
  co_return co_await one_result(place, at);
}

awaitable<Result<std::string>> Values::one_result(std::size_t place, const std::string& at) {
  const std::string whose = "the result of " + quoted(definition_.nodes[place].name);
  model::Payload result;
  if (const auto learned = learned_.find(place); learned != learned_.end()) {
    result = learned->second;
  } else {
    auto runs =
        co_await parts_.store.workflows().element_runs(run_.id, static_cast<int>(place), -1, 1);
    if (!runs) co_return runs.error();
    if (runs->empty()) co_return not_there(whose + " is gone");
    result = std::move(runs->front().run.end.result);
  }
  auto text = co_await text_of(std::move(result));
  if (!text) co_return text.error();
  co_return co_await pick(*text, at, whose);
}

// The results of a list's elements, as far as they are gathered.
struct Values::Gathering {
  std::size_t place;
  const model::WorkflowNode& node;
  const std::string& at;
  std::size_t next = 0;  // element
  std::string text = "[";
  std::size_t counted = 0;  // of its bytes
};

awaitable<Result<void>> Values::add(Gathering& all, const std::string& text) {
  const std::string whose =
      "the result of element " + std::to_string(all.next) + " of " + quoted(all.node.name);
  auto value = co_await pick(text, all.at, whose);
  if (!value) co_return value.error();
  if (all.text.size() > 1) all.text += ',';
  all.text += *value;
  if (all.text.size() > kMostBytes) co_return too_much();
  if (all.text.size() - all.counted > kPiece) {
    co_await holding_.take(all.text.size() - std::exchange(all.counted, all.text.size()));
  }
  co_return Result<void>{};
}

// Of the elements before `end` that have no result: the default, where there is one.
awaitable<Result<void>> Values::add_missing(Gathering& all, std::size_t end) {
  for (; all.next < end; ++all.next) {
    if (all.node.on_error != model::OnError::by_default) continue;
    if (auto added = co_await add(all, all.node.default_json); !added) co_return added;
  }
  co_return Result<void>{};
}

awaitable<Result<void>> Values::add_run(Gathering& all, store::ElementRun one) {
  if (one.run.status != model::RunStatus::completed) co_return Result<void>{};
  auto missing = co_await add_missing(all, static_cast<std::size_t>(one.element));
  if (!missing) co_return missing;
  auto result = co_await text_of(std::move(one.run.end.result));
  if (!result) co_return result.error();
  auto added = co_await add(all, *result);
  ++all.next;
  co_return added;
}

// In the order of the elements. One of which no run could be made has no run at all.
awaitable<Result<std::string>> Values::results(std::size_t place, const std::string& at) {
  Gathering all{place, definition_.nodes[place], at};
  int after = -1;
  while (state_->nodes[place].elements > 0) {
    auto runs = co_await parts_.store.workflows().element_runs(run_.id, static_cast<int>(place),
                                                               after, kPage);
    if (!runs) co_return runs.error();
    for (store::ElementRun& one : *runs) {
      after = one.element;
      if (auto added = co_await add_run(all, std::move(one)); !added) co_return added.error();
    }
    if (static_cast<int>(runs->size()) < kPage) break;
  }
  auto missing = co_await add_missing(all, state_->nodes[place].elements);
  if (!missing) co_return missing.error();
  co_return all.text += ']';
}

awaitable<void> Values::keep_lists(const std::vector<const model::Source*>& sources) {
  std::set<std::string> keys;
  for (const model::Source* source : sources) keys.insert(list_key(*source));
  std::vector<std::string> objects;
  std::erase_if(lists_, [&](const auto& list) {
    const bool gone = !keys.contains(list.first);
    if (gone && !list.second->key.empty()) objects.push_back(list.second->key);
    return gone;
  });
  // One that stays now is swept with what else nobody needs.
  for (std::string& key : objects) {
    (void)co_await parts_.objects.remove(std::move(key), base::after(kDeadline));
  }
}

void Values::settle() {
  if (holding_.beyond()) {
    known_.clear();
    known_bytes_ = 0;
    lists_.clear();
  }
  // What is asked for again of large ones is known, or cut into a list.
  if (inputs_ && (holding_.beyond() || inputs_->size() > kWindow)) {
    input_members_.clear();
    inputs_.reset();
  }
  std::size_t kept = known_bytes_ + (inputs_ ? inputs_->size() : 0);
  for (const auto& [key, list] : lists_) kept += size_of(*list);
  holding_.settle(kept);
}

}  // namespace mecapy::orchestrator
