// The flags and operands of the commands, for the table.
#pragma once

#include "main/command_table.h"

namespace mecapy::main::words {

void none(CLI::App&, Typed&);
// Flags that stand for settings, which every command here has.
void settings(CLI::App&, Typed&, Place);
// Flags of every command that calls a server.
void server(CLI::App&, Typed&);

void run(CLI::App&, Typed&);
void task_create(CLI::App&, Typed&);
void task_list(CLI::App&, Typed&);
void task_show(CLI::App&, Typed&);
void task_update(CLI::App&, Typed&);
void task_delete(CLI::App&, Typed&);
void task_run(CLI::App&, Typed&);
void task_estimate(CLI::App&, Typed&);
void workflow_create(CLI::App&, Typed&);
void workflow_check(CLI::App&, Typed&);
void workflow_run(CLI::App&, Typed&);
void workflow_show(CLI::App&, Typed&);
void workflow_resume(CLI::App&, Typed&);
void workflow_list(CLI::App&, Typed&);
void workflow_runs(CLI::App&, Typed&);
void workflow_result(CLI::App&, Typed&);
void workflow_cancel(CLI::App&, Typed&);
void workflow_delete(CLI::App&, Typed&);
void runs(CLI::App&, Typed&);
void result(CLI::App&, Typed&);
void logs(CLI::App&, Typed&);
void cancel(CLI::App&, Typed&);
void download(CLI::App&, Typed&);
void login(CLI::App&, Typed&);
void serve(CLI::App&, Typed&);
void worker(CLI::App&, Typed&);
void doctor(CLI::App&, Typed&);
void config(CLI::App&, Typed&);
void cost(CLI::App&, Typed&);
void costs(CLI::App&, Typed&);
void machines(CLI::App&, Typed&);
void token(CLI::App&, Typed&);
void health(CLI::App&, Typed&);
void completion(CLI::App&, Typed&);
void help(CLI::App&, Typed&);

}  // namespace mecapy::main::words
