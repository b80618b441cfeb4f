// CPython inside the zygote: started once, frozen, and entered again only in a run.
#pragma once

#include <cstdint>
#include <string>

namespace mecapy::zygote {

struct PythonPlaces {
  const char* runtime;   // holds the package mecapy
  const char* packages;  // of the locked environment
  const char* cache;     // may be written by the zygote, is read by runs
};

// Starts the interpreter isolated from the environment and from every folder but the standard
// library, the runtime and the packages; imports `modules` (separated by spaces) and uses them once
// (mecapy._warm). False with `error`, in words.
bool start_interpreter(const char* modules, const PythonPlaces& places, std::string& error);

// Takes the interpreter's locks, as before os.fork: from here on the zygote and init run no Python,
// and the run releases them with wake_interpreter. False when Python refuses.
bool prepare_for_forks();

// In the run, before it has a job: finishes the fork for Python (mecapy._harness). `folder`: of the
// run, with `work` and `tmp` in it; "" where these are at the root. False when that failed.
bool wake_interpreter(const char* folder);

// In the run, after every privilege is gone: runs the harness on `channel`. Returns the exit
// status.
int enter_run(int channel, std::uint32_t blas_threads);

}  // namespace mecapy::zygote
