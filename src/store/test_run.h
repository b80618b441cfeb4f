// For tests: a task that is not kept and its one run, of user "u".
#pragma once

#include "model/run.h"
#include "model/task.h"

namespace mecapy::store {

struct TestRun {
  model::Task task{};
  model::Run run{};
};

inline TestRun test_run() {
  TestRun made;
  made.task.id = model::TaskId::make();
  made.task.user = "u";
  made.task.name = "t";
  made.task.version.code = "c";
  made.run.id = model::RunId::make();
  made.run.task_id = made.task.id;
  made.run.user = "u";
  made.run.inputs.inline_bytes = "{}";
  return made;
}

}  // namespace mecapy::store
