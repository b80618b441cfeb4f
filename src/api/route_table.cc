// The table of routes.
#include "api/routes.h"

namespace mecapy::api {

const std::vector<Route>& route_table() {
  using R = Routes;
  const QuerySpec limit{"limit", "integer", "items a page, 1 to 200; 50 when absent"};
  const QuerySpec cursor{"cursor", "string", "`next` of the page before"};
  const QuerySpec version{"version", "integer", "of the task; the latest when absent"};
  const QuerySpec wait{"wait", "number", "seconds to wait for the end, 0 to 600"};
  const auto token = Access::token;
  const auto open = Access::open;
  static const std::vector<Route> table = {
      {"POST", "/api/tasks", R::create_task, token, "createTask", "Keep a calculation", "TaskCreate",
       {}, {{201, "Task"}}},
      {"GET", "/api/tasks", R::list_tasks, token, "listTasks", "Your tasks, newest first", "",
       {limit, cursor}, {{200, "TaskPage"}}},
      {"POST", "/api/tasks/execute", R::execute_ad_hoc, token, "executeAdHoc",
       "Run a calculation at once, without keeping a task", "AdHocExecute", {wait},
       {{200, "Run"}, {202, "Accepted"}}},
      {"POST", "/tasks/execute", R::execute_ad_hoc, token, "executeAdHocShort",
       "The same as POST /api/tasks/execute", "AdHocExecute", {wait}, {{200, "Run"}, {202, "Accepted"}}},
      {"GET", "/api/tasks/{id}", R::get_task, token, "getTask", "One task", "", {version},
       {{200, "Task"}}},
      {"PATCH", "/api/tasks/{id}", R::update_task, token, "updateTask",
       "Change a task; new code, inputs or limits make a new version", "TaskUpdate", {},
       {{200, "Task"}}},
      {"DELETE", "/api/tasks/{id}", R::delete_task, token, "deleteTask",
       "Hide a task; its runs stay", "", {}, {{204, "", ""}}},
      {"POST", "/api/tasks/{id}/execute", R::execute_task, token, "executeTask", "Run a task",
       "Execute", {wait}, {{200, "Run"}, {202, "Accepted"}}},
      {"GET", "/api/tasks/{id}/status", R::task_status, token, "taskStatus",
       "The latest run of a task", "", {}, {{200, "Run"}, {200, "NeverRan"}}},
      {"GET", "/api/tasks/{id}/results", R::task_results, token, "taskResults",
       "The latest run of a task with its result", "", {}, {{200, "Run"}, {200, "NeverRan"}}},
      {"GET", "/api/runs", R::list_runs, token, "listRuns", "Your runs, newest first", "",
       {limit, cursor, {"task_id", "string", "only of this task"},
        {"status", "string", "only with this status"}},
       {{200, "RunPage"}}},
      {"GET", "/api/runs/{id}", R::get_run, token, "getRun", "One run", "", {}, {{200, "Run"}}},
      {"GET", "/api/runs/{id}/results", R::run_results, token, "runResults",
       "One run with its result", "", {}, {{200, "Run"}}},
      {"GET", "/api/runs/{id}/logs", R::run_logs, token, "runLogs", "What the run printed so far", "",
       {}, {{200, "", "text/plain"}}},
      {"GET", "/api/runs/{id}/artifacts/{name...}", R::run_artifact, token, "runArtifact",
       "A file or figure of the run", "", {}, {{200, "", "application/octet-stream"}}},
      {"POST", "/api/runs/{id}/cancel", R::cancel_run, token, "cancelRun",
       "Stop a run wherever it is", "", {}, {{200, "Run"}}},
      {"GET", "/api/runs/{id}/events", R::run_events, token, "runEvents",
       "Server-sent events: status, log, progress; Last-Event-ID resumes", "", {},
       {{200, "", "text/event-stream"}}},
      {"GET", "/api/openapi.json", R::openapi, open, "openapi", "This contract, OpenAPI 3.1", "", {},
       {{200, "", "application/json"}}},
      {"GET", "/docs", R::docs, open, "docs", "This contract, for people", "", {},
       {{200, "", "text/html"}}},
      {"GET", "/health/live", R::live, open, "live", "The process answers", "", {}, {{200, "Health"}}},
      {"GET", "/health/ready", R::ready, open, "ready", "It can accept and run calculations", "", {},
       {{200, "Health"}, {503, "Health"}}},
  };
  return table;
}

}  // namespace mecapy::api
