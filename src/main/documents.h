// Where the site of the documents is.
#pragma once

#include "base/fd.h"
#include "base/result.h"
#include "config/settings.h"

namespace mecapy::main {

// The folder of the documents' site, from where the settings say, else from beside the program; no
// Fd when nothing is there and nothing was said. Later it needs no right to reach the folder. usage
// when what was said is no site.
Result<base::Fd> open_documents(const config::Settings& settings);

}  // namespace mecapy::main
