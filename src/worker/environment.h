// Which Python environment calculations find here.
#pragma once

#include <string>

namespace mecapy::worker {

// "3.11-" and 16 hexadecimal digits of a SHA-256 over the names and versions of the packages in
// `site_packages` (their *.dist-info folders), the sources of the package mecapy in `runtime` and
// the version of this program. The same where calculations find the same.
std::string environment_name(const std::string& site_packages, const std::string& runtime);

}  // namespace mecapy::worker
