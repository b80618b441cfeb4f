#include "wire/python_values.h"

#include <algorithm>
#include <span>
#include <vector>

#include "wire/json.h"
#include "wire/pointer.h"

namespace mecapy::wire {
namespace {

using Items = std::vector<std::string_view>;

std::optional<std::string_view> member_of(const std::vector<Member>& members,
                                          std::string_view name) {
  const auto it = std::ranges::find(members, name, &Member::key);
  return it == members.end() ? std::nullopt : std::optional(it->raw);
}

std::string text_in(const std::vector<Member>& members, std::string_view name) {
  return string_value(member_of(members, name).value_or("null")).value_or("");
}

std::string array_text(std::span<const std::string_view> items) {
  std::string out = "[";
  for (const std::string_view item : items) {
    if (out.size() > 1) out += ',';
    out += item;
  }
  return out += ']';
}

// An array of numpy, or the values of a Series: entries side by side, the last axis fastest.
struct Array {
  std::string dtype;
  std::vector<std::size_t> shape;  // of one axis at least
  Items data;
  Items mask;              // none: nothing is masked
  std::size_t stride = 1;  // entries of an item of the first axis

  std::size_t size() const { return shape.front(); }
  std::string item(std::size_t index) const;
  std::string entry(std::size_t at) const;
};

// One by itself, as runtime/python writes a scalar of that dtype.
std::string Array::entry(std::size_t at) const {
  if (!mask.empty() && mask[at] == "true") return "null";
  const std::string_view value = data[at];
  const auto typed = [&](const char* type) {
    return std::move(ObjectWriter().text("$type", type).raw("value", value)).finish();
  };
  if (dtype.starts_with("complex")) return typed("complex");
  if (dtype.starts_with("float") && value.starts_with('"')) return typed("float");
  if (dtype == "bytes") return typed("bytes");
  for (const char* type : {"datetime64", "timedelta64"}) {
    if (!dtype.starts_with(type)) continue;
    return std::move(ObjectWriter().text("$type", type).text("dtype", dtype).raw("value", value))
        .finish();
  }
  return std::string(value);
}

std::string Array::item(std::size_t index) const {
  if (shape.size() == 1) return entry(index);
  std::vector<std::string> rest;
  for (std::size_t i = 1; i < shape.size(); ++i) rest.push_back(std::to_string(shape[i]));
  ObjectWriter out;
  out.text("$type", "ndarray").text("dtype", dtype).raw("shape", array_of(rest));
  out.raw("data", array_text(std::span(data).subspan(index * stride, stride)));
  if (!mask.empty()) out.raw("mask", array_text(std::span(mask).subspan(index * stride, stride)));
  return std::move(out).finish();
}

// Whether the shape is that of the entries.
bool fits(Array& array) {
  if (array.shape.empty()) return false;
  if (array.data.empty()) return array.shape.front() == 0 && array.mask.empty();
  for (std::size_t i = 1; i < array.shape.size(); ++i) {
    if (array.shape[i] > array.data.size()) return false;
    array.stride *= array.shape[i];
    if (array.stride > array.data.size()) return false;
  }
  const std::size_t all = array.data.size();
  const bool filled =
      array.stride > 0 && all % array.stride == 0 && all / array.stride == array.shape.front();
  return filled && (array.mask.empty() || array.mask.size() == all);
}

// The values of these stand in a Series as in an array.
bool is_plain(const std::string& dtype) {
  for (const char* name : {"bool", "int", "uint", "float"}) {
    if (dtype.starts_with(name)) return true;
  }
  return false;
}

std::optional<Array> array_in(std::string_view json) {
  if (!json.starts_with('{')) return std::nullopt;
  const auto members = object_members(json);
  if (!members) return std::nullopt;
  const std::string type = text_in(*members, "$type");
  if (type != "ndarray" && type != "series") return std::nullopt;
  Array array;
  array.dtype = text_in(*members, "dtype");
  array.data = array_items(member_of(*members, "data").value_or("[]"));
  array.mask = array_items(member_of(*members, "mask").value_or("[]"));
  if (type == "series") {
    if (!is_plain(array.dtype)) return std::nullopt;
    array.shape = {array.data.size()};
    return array;
  }
  for (const std::string_view axis : array_items(member_of(*members, "shape").value_or("[]"))) {
    const auto count = index_of(axis);
    if (!count) return std::nullopt;
    array.shape.push_back(*count);
  }
  return fits(array) ? std::optional(std::move(array)) : std::nullopt;
}

// What a dict has by that key, which is text or a number as it is written.
std::optional<std::string> in_dict(std::string_view json, const std::string& key) {
  const auto members = object_members(json);
  if (!members || text_in(*members, "$type") != "dict") return std::nullopt;
  for (const std::string_view pair : array_items(member_of(*members, "items").value_or("[]"))) {
    const Items parts = array_items(pair);
    if (parts.size() != 2) continue;
    if (string_value(parts[0]).value_or(std::string(parts[0])) == key) return std::string(parts[1]);
  }
  return std::nullopt;
}

// Where a pointer leads, and how far.
struct Walk {
  std::string at;
  bool arrived = true;
};

Walk walk(std::string_view json, std::string_view pointer) {
  const auto all = value_at(json, "");
  Walk now{std::string(all.value_or(""))};
  while (!pointer.empty()) {
    const std::size_t end = std::min(pointer.find('/', 1), pointer.size());
    const std::string_view step = pointer.substr(0, end);
    std::optional<std::string> next;
    if (const auto plain = value_at(now.at, step)) {
      next = std::string(*plain);
    } else if (const auto array = array_in(now.at)) {
      const auto index = index_of(step.substr(1));
      if (index && *index < array->size()) next = array->item(*index);
    } else if (now.at.starts_with('{')) {
      next = in_dict(now.at, unescaped(step.substr(1)));
    }
    if (!next) return {std::move(now.at), false};
    now.at = std::move(*next);
    pointer.remove_prefix(end);
  }
  return now;
}

}  // namespace

std::optional<std::string> list_in(std::string_view json, std::size_t most) {
  if (json.starts_with('[')) return std::string(json);
  const auto array = array_in(json);
  if (!array) return std::nullopt;
  std::vector<std::string> items;
  const std::size_t count = std::min(array->size(), most);
  for (std::size_t i = 0; i < count; ++i) items.push_back(array->item(i));
  return array_of(items);
}

std::optional<std::string> value_in(std::string_view json, std::string_view pointer) {
  if (const auto plain = value_at(json, pointer)) return std::string(*plain);
  if (!pointer.starts_with('/')) return std::nullopt;
  Walk found = walk(json, pointer);
  return found.arrived ? std::optional(std::move(found.at)) : std::nullopt;
}

std::string kind_in(std::string_view json, std::string_view pointer) {
  if (!pointer.empty() && !pointer.starts_with('/')) return "";
  const Walk found = walk(json, pointer);
  if (!found.at.starts_with('{')) return "";
  const auto members = object_members(found.at);
  return members ? text_in(*members, "$type") : "";
}

}  // namespace mecapy::wire
