// Parts that the public contract and the worker's contract share.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/limits.h"
#include "model/run.h"

namespace mecapy::wire {

std::string estimate_json(const model::Estimate& estimate);
std::string limits_json(const model::Limits& limits);
// `base` with the members of the (checked) limits object `json` in place.
model::Limits read_limits(std::string_view json, model::Limits base);
// Percent-encodes what may not stand in a URL path; '/' stays.
std::string url_path(std::string_view path);

}  // namespace mecapy::wire
