// What a process of ours does about users, parents and places before it starts its work.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "config/settings.h"
#include "sandbox/sandbox.h"

namespace mecapy::main {

// The folder of this program, without a trailing slash.
std::string program_folder();

// Where the sandbox finds its parts: beside the program unless the settings say otherwise.
sandbox::Options sandbox_options(const config::Settings& settings);
// The devices of NVIDIA's driver for so many graphics processors.
std::vector<std::string> gpu_devices(std::int64_t gpus);
int concurrency(const config::Settings& settings);

// Makes the data folder (0700) and finds whose it is. As root: the folder's owner, or, when root
// owns it, server.run_as_uid, to whom the folder is then handed. Otherwise: the caller. usage when
// that user cannot reach the folder.
Result<uid_t> prepare_data_dir(const config::Settings& settings);

// Whether prepare_data_dir could make the data folder, which is not there yet; makes nothing.
Result<void> can_make_data_dir(const config::Settings& settings);

// What is doubtful about `uid` as the user who serves the data folder, with advice; "" when nothing
// is.
std::string doubt_about_user(uid_t uid);

// What this machine, or the container it is, has for processes, MiB; 0 when nobody can tell.
double memory_of_machine_mb();

// Gives root up for good: groups, gid, uid; no way back. Nothing to do for others.
Result<void> become(uid_t uid);

// Root that must stay root, to start supervisors, keeps no capability that a supervisor does not
// need. Nothing to do for others.
Result<void> keep_what_a_supervisor_needs(const config::Settings& settings);

// Takes out of the environment what says whom a person calls, and as whom.
void forget_the_caller();

// Takes secrets, and that, out of the environment, once they were read: no process of a sandbox
// inherits them.
void forget_secrets();

// Ends this process when its parent `parent` has died (also when that is so already).
void die_with(pid_t parent);

struct Pipe {
  base::Fd read;
  base::Fd write;
};
Result<Pipe> make_pipe();

// In the profile container runs may be of this process's user: they must not look into it.
void hide_from_runs(const config::Settings& settings);

// A write to a peer that has gone is an error of that write (EPIPE), not the end of this process: a
// run may end before it has read its job.
void ignore_broken_pipes();

// Raises the limit of open files to what the system allows.
void raise_file_limit();
// Large pieces of memory go back to the system as soon as they are freed: bodies, inputs, lists.
// Left to itself the C library takes to keeping what large pieces it has seen freed.
void give_memory_back();

}  // namespace mecapy::main
