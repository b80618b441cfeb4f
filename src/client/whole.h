// An answer of the API that is one JSON object, as a value and as the bytes it came in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/view.h"
#include "wire/json.h"

namespace mecapy::client {

// A text that is kept, with the members of it. Values that may be deep or exact stay text.
struct Whole {
  json::value value;
  std::vector<wire::Member> members;  // into the text

  View view() const { return View(value); }
  std::optional<std::string> raw(std::string_view name) const;
};

// The error of an answer that is not what it must be.
Error broken();

// `text` must outlive what is read; members that are `large` are not read into a value.
Result<Whole> read_whole(const std::string& text, std::initializer_list<std::string_view> large);

}  // namespace mecapy::client
