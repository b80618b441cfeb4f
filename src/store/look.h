// What a database says of machines, read beside whoever has it open, or nobody: for who asks
// without being a server. Changes nothing that is kept, and waits for nobody longer than the
// database does.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "store/machines.h"

namespace mecapy::store {

struct MachinesSeen {
  std::string installation;  // "" when it has no name yet
  base::TimePoint now;       // by the database's clock
  std::vector<model::Machine> left;
  std::size_t wanted = 0;  // runs that wait for one
  std::vector<Reaping> reapings;
  std::vector<Leftover> leftovers;
};

// conflict when the database has another schema than this program; storage when it cannot be read.
Result<MachinesSeen> see_machines_of_sqlite(const std::string& path);
Result<MachinesSeen> see_machines_of_postgres(const std::string& url);

}  // namespace mecapy::store
