#include "cli/result_text.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <vector>

#include "cli/text.h"
#include "wire/json.h"

namespace mecapy::cli {
namespace {

constexpr std::size_t kWhole = 12;  // entries of an array that is shown whole
constexpr std::size_t kEnd = 3;     // entries at each end of a longer one
constexpr int kDeepest = 20;        // levels that are taken apart

using Raw = std::string_view;

// An object with its members at hand.
class Object {
 public:
  explicit Object(Raw raw) {
    if (auto found = wire::object_members(raw)) members_ = std::move(*found);
  }
  const std::vector<wire::Member>& members() const { return members_; }
  Raw raw(std::string_view name) const {
    const auto it = std::ranges::find(members_, name, &wire::Member::key);
    return it == members_.end() ? Raw() : it->raw;
  }
  std::string text(std::string_view name) const {
    return wire::string_value(raw(name)).value_or("");
  }
  std::vector<Raw> list(std::string_view name) const { return wire::array_items(raw(name)); }

 private:
  std::vector<wire::Member> members_;
};

bool is_object(Raw raw) { return raw.starts_with('{'); }

// "12 s" of a count and the dtype timedelta64[s].
std::string counted(Raw count, const std::string& dtype) {
  if (count == "null") return "NaT";
  const std::size_t open = dtype.find('[');
  const std::size_t close = dtype.find(']');
  if (open == std::string::npos || close == std::string::npos) return std::string(count);
  return std::string(count) + " " + dtype.substr(open + 1, close - open - 1);
}

// "2026-11-26 18:00:00" of ISO 8601.
std::string moment(Raw raw) {
  std::string text = wire::string_value(raw).value_or("NaT");
  if (text.size() > 10 && text[10] == 'T') text[10] = ' ';
  return text;
}

// A part that is not finite is a text.
std::string bare(Raw raw) { return wire::string_value(raw).value_or(std::string(raw)); }

std::string complex_number(Raw raw) {
  const std::vector<Raw> parts = wire::array_items(raw);
  if (parts.size() != 2) return std::string(raw);
  std::string imaginary = bare(parts[1]);
  if (!imaginary.starts_with('-')) imaginary.insert(0, "+");
  return bare(parts[0]) + imaginary + "j";
}

class Writer {
 public:
  std::string line(Raw raw, int depth = 0);
  // A line for each name below `name`, which is "" at the top.
  void rows(const std::string& name, Raw raw, int depth = 0);

  std::vector<std::vector<std::string>> table;
  bool shortened = false;

 private:
  using Shown = std::function<std::string(std::size_t)>;

  std::string special(const Object& object, const std::string& type, int depth);
  std::string list(const std::vector<Raw>& items, int depth);
  std::string entries(std::size_t count, const Shown& shown);
  std::string nested(const std::vector<std::size_t>& shape, std::size_t level, std::size_t& at,
                     const Shown& shown);
  std::string array(const Object& object, int depth);
  std::string entry(Raw raw, const std::string& dtype, int depth);
  std::string plain_object(const Object& object, int depth);
  void frame_rows(const std::string& name, const Object& frame, int depth);
};

// "[a, b, c]", or its ends.
std::string Writer::entries(std::size_t count, const Shown& shown) {
  std::string out = "[";
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out += ", ";
    if (count > kWhole && i == kEnd) {
      out += "..., ";
      i = count - kEnd;
      shortened = true;
    }
    out += shown(i);
  }
  return out + "]";
}

std::string Writer::list(const std::vector<Raw>& items, int depth) {
  std::string out = entries(items.size(), [&](std::size_t i) { return line(items[i], depth + 1); });
  if (items.size() > kWhole) out += "  " + std::to_string(items.size()) + " items";
  return out;
}

// The brackets of an array in C order.
std::string Writer::nested(const std::vector<std::size_t>& shape, std::size_t level,
                           std::size_t& at, const Shown& shown) {
  if (level == shape.size()) return shown(at++);
  std::string out = "[";
  for (std::size_t i = 0; i < shape[level]; ++i)
    out += (i == 0 ? "" : ", ") + nested(shape, level + 1, at, shown);
  return out + "]";
}

// One entry of an array or a column of this dtype.
std::string Writer::entry(Raw raw, const std::string& dtype, int depth) {
  if (dtype.starts_with("complex")) return complex_number(raw);
  if (dtype.starts_with("float")) return bare(raw);
  if (dtype.starts_with("datetime64")) return moment(raw);
  if (dtype.starts_with("timedelta64")) return counted(raw, dtype);
  return line(raw, depth);
}

std::string Writer::array(const Object& object, int depth) {
  const std::string dtype = object.text("dtype");
  const std::vector<Raw> data = object.list("data");
  const std::vector<Raw> mask = object.list("mask");
  std::vector<std::size_t> shape;
  std::size_t count = 1;
  std::string sizes;
  for (const Raw raw : object.list("shape")) {
    std::size_t size = 0;
    std::from_chars(raw.data(), raw.data() + raw.size(), size);
    shape.push_back(size);
    count *= size;
    sizes += (sizes.empty() ? "" : "x") + std::to_string(size);
  }
  const auto shown = [&](std::size_t i) -> std::string {
    if (i < mask.size() && mask[i] == "true") return "--";
    return i < data.size() ? entry(data[i], dtype, depth + 1) : "?";
  };
  std::size_t at = 0;
  const bool whole = count == data.size() && count <= kWhole && shape.size() <= kWhole;
  const std::string values = whole ? nested(shape, 0, at, shown) : entries(data.size(), shown);
  return values + "  " + (sizes.empty() ? "" : sizes + " ") + dtype;
}

std::string Writer::plain_object(const Object& object, int depth) {
  std::string out = "{";
  for (const wire::Member& member : object.members())
    out += (out.size() == 1 ? "" : ", ") + member.key + ": " + line(member.raw, depth + 1);
  return out + "}";
}

// "" of what is not known.
std::string Writer::special(const Object& object, const std::string& type, int depth) {
  const Raw value = object.raw("value");
  if (type == "float" || type == "decimal" || type == "fraction") return bare(value);
  if (type == "complex") return complex_number(value);
  if (type == "ndarray") return array(object, depth);
  if (type == "timedelta64") return counted(value, object.text("dtype"));
  if (type == "nat") return "NaT";
  if (type == "na") return "NA";
  if (type == "artifact") return "file " + object.text("name");
  if (type == "set" || type == "frozenset") return list(object.list("value"), depth) + "  " + type;
  if (type == "series") {
    const std::vector<Raw> data = object.list("data");
    const std::string dtype = object.text("dtype");
    const auto shown = [&](std::size_t i) { return entry(data[i], dtype, depth + 1); };
    return entries(data.size(), shown) + "  " + std::to_string(data.size()) + " rows";
  }
  static constexpr std::string_view kMoments[] = {"datetime64", "timestamp", "datetime", "date",
                                                  "time"};
  if (std::ranges::find(kMoments, type) != std::end(kMoments)) {
    const std::string zone = object.text("zone");
    return moment(value) + (zone.empty() ? "" : " " + zone);
  }
  if (type == "timedelta") {
    double microseconds = 0;
    const Raw raw = object.raw("microseconds");
    std::from_chars(raw.data(), raw.data() + raw.size(), microseconds);
    return wire::number_text(microseconds / 1e6) + " s";
  }
  return "";
}

std::string Writer::line(Raw raw, int depth) {
  if (depth > kDeepest) return std::string(raw);
  if (raw.starts_with('[')) return list(wire::array_items(raw), depth);
  if (!is_object(raw)) return std::string(raw);
  const Object object(raw);
  const std::string type = object.text("$type");
  if (type.empty()) return plain_object(object, depth);
  const std::string shown = special(object, type, depth);
  return shown.empty() ? std::string(raw) : shown;
}

void Writer::frame_rows(const std::string& name, const Object& frame, int depth) {
  const std::vector<Raw> columns = frame.list("columns");
  const std::vector<Raw> data = frame.list("data");
  const std::vector<Raw> dtypes = frame.list("dtypes");
  table.push_back({name, std::to_string(frame.list("index").size()) + " rows, " +
                             std::to_string(columns.size()) + " columns"});
  for (std::size_t i = 0; i < std::min(columns.size(), data.size()); ++i) {
    const std::string dtype = i < dtypes.size() ? bare(dtypes[i]) : "";
    const std::vector<Raw> column = wire::array_items(data[i]);
    const auto shown = [&](std::size_t row) { return entry(column[row], dtype, depth + 1); };
    table.push_back(
        {name + (name.empty() ? "" : ".") + bare(columns[i]), entries(column.size(), shown)});
  }
}

void Writer::rows(const std::string& name, Raw raw, int depth) {
  if (!is_object(raw) || depth > kDeepest) {
    table.push_back({name, line(raw, depth)});
    return;
  }
  const Object object(raw);
  const std::string type = object.text("$type");
  if (type == "dataframe") return frame_rows(name, object, depth);
  if (!type.empty() || object.members().empty()) {
    table.push_back({name, line(raw, depth)});
    return;
  }
  for (const wire::Member& member : object.members())
    rows(name.empty() ? member.key : name + "." + member.key, member.raw, depth + 1);
}

}  // namespace

ResultText result_text(std::string_view json) {
  Writer writer;
  writer.rows("", json);
  // What was decoded may hold anything.
  for (auto& row : writer.table) {
    for (std::string& cell : row) cell = harmless_line(cell, std::string::npos);
  }
  const bool nameless = writer.table.size() == 1 && writer.table.front().front().empty();
  std::string lines = nameless ? writer.table.front().back() + "\n" : table(writer.table);
  return {std::move(lines), writer.shortened};
}

}  // namespace mecapy::cli
