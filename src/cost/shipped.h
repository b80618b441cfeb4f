// The table of prices that is part of the program.
#pragma once

#include <string_view>

namespace mecapy::cost {

extern const std::string_view kShippedPrices;  // the text of prices.toml

}  // namespace mecapy::cost
