#include "store/text_codec.h"

#include <charconv>

#include "base/utf8.h"

namespace mecapy::store {
namespace {

void set_limit(model::Limits& limits, std::string_view name, std::string_view number) {
  for (const model::LimitRow& row : model::limit_table()) {
    if (row.name != name) continue;
    std::from_chars(number.data(), number.data() + number.size(), limits.*row.field);
  }
}

std::string number_of(double value) {
  char number[32];
  return {number, std::to_chars(number, number + sizeof number, value).ptr};
}
std::string number_of(const std::optional<double>& value) {
  return value ? number_of(*value) : "-";
}

// The text up to `separator`, which is taken away with it.
std::string_view take(std::string_view& text, char separator) {
  const std::string_view item = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), item.size() + 1));
  return item;
}
std::optional<double> take_number(std::string_view& text) {
  const std::string_view item = take(text, '\t');
  double value = 0;
  const auto end = std::from_chars(item.data(), item.data() + item.size(), value);
  if (end.ec != std::errc()) return std::nullopt;
  return value;
}

}  // namespace

std::string encode_cost(const model::Cost& cost) {
  std::string text = cost.prices_of + '\n';
  for (const model::CostComponent& part : cost.components) {
    for (const std::string& field :
         {part.name, part.item, number_of(part.quantity), part.unit, number_of(part.free),
          number_of(part.eur_each), number_of(part.eur)}) {
      text += field + '\t';
    }
    text.back() = '\n';
  }
  return text;
}

model::Cost decode_cost(std::string_view text) {
  model::Cost cost;
  cost.prices_of = take(text, '\n');
  std::int64_t pico = 0;
  while (!text.empty()) {
    std::string_view line = take(text, '\n');
    model::CostComponent part;
    part.name = take(line, '\t');
    part.item = take(line, '\t');
    part.quantity = take_number(line).value_or(0);
    part.unit = take(line, '\t');
    part.free = take_number(line).value_or(0);
    part.eur_each = take_number(line);
    part.eur = take_number(line);
    pico += model::pico_euros(part.eur.value_or(0));
    cost.components.push_back(std::move(part));
  }
  cost.eur = model::euros_of(pico);
  return cost;
}

std::string encode_limits(const model::Limits& limits) {
  std::string text;
  for (const model::LimitRow& row : model::limit_table()) {
    char number[32];
    const auto end = std::to_chars(number, number + sizeof number, limits.*row.field).ptr;
    if (!text.empty()) text += ' ';
    text.append(row.name).append("=").append(number, end);
  }
  return text;
}

model::Limits decode_limits(std::string_view text) {
  model::Limits limits;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos) continue;
    set_limit(limits, item.substr(0, equals), item.substr(equals + 1));
  }
  return limits;
}

std::string without_zeros(std::string text) {
  for (std::size_t at = 0; (at = text.find('\0', at)) != std::string::npos;) {
    text.replace(at, 1, base::kReplacement);
  }
  return text;
}

std::string encode_tags(const std::vector<std::string>& tags) {
  std::string text;
  for (const std::string& tag : tags) {
    for (const char c : tag) {
      if (c == '\\' || c == '\n') text += '\\';
      text += c;
    }
    text += '\n';
  }
  return text;
}

std::vector<std::string> decode_tags(std::string_view text) {
  std::vector<std::string> tags;
  std::string tag;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') {
      tags.push_back(std::move(tag));
      tag.clear();
    } else {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      tag += text[i];
    }
  }
  return tags;
}

}  // namespace mecapy::store
