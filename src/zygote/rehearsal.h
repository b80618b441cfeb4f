// One run of a calculation of our own (mecapy/_rehearsal.py), for learn_hot_pages.
#pragma once

#include <string>

namespace mecapy::zygote {

// Before anything is remapped: reads the calculation from `runtime`, and notes where its copy may
// make a run's folder; "": where the zygote is, these are at the root. False when it is not there.
bool load_rehearsal(const char* runtime, const std::string& folder);

// In a copy of the zygote that ends afterwards: all that a run does. False when it did not succeed.
bool rehearse_run();

}  // namespace mecapy::zygote
