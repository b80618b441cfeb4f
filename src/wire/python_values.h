// Lists and places in values of Python that JSON has no form for, as runtime/python's _encoding.py
// writes them: arrays of numpy, what a pandas Series holds, dicts whose keys are not all text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mecapy::wire {

// The items that Python would go through, as an array of JSON: of an array itself, of a numpy array
// by its first axis (the first `most`, as items can be longer than what they are in), of a Series
// its values; an entry that is masked is null. Nothing for what is no list. `json` must have passed
// validate_json.
std::optional<std::string> list_in(std::string_view json, std::size_t most);

// What `pointer` (RFC 6901) points to, where an index also leads into a numpy array, and a name, or
// a number as it is written, to what a dict has by that key. `json` must have passed validate_json.
std::optional<std::string> value_in(std::string_view json, std::string_view pointer);

// Of what is neither: what Python calls it, "ndarray" or "dataframe", or ""; also where `pointer`
// leads only as far as that.
std::string kind_in(std::string_view json, std::string_view pointer);

}  // namespace mecapy::wire
