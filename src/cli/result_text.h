// A result as a person reads it on a terminal. What a program reads is the JSON itself.
#pragma once

#include <string>
#include <string_view>

namespace mecapy::cli {

struct ResultText {
  std::string lines;       // ended and harmless
  bool shortened = false;  // whether there is more than is shown
};

// `json`, a valid result (its encoding: runtime/python/mecapy/_encoding.py): of an object a line
// for each name, with dots between those of objects in objects; of a long array its ends and its
// shape. Numbers stay as they were written. A "$type" that is not known is shown as the JSON it is.
ResultText result_text(std::string_view json);

}  // namespace mecapy::cli
