#include "zygote/report.h"

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

namespace mecapy::zygote {

bool send_report(int ctl, sandbox::RunReport report) {
  report.at_ns = std::chrono::steady_clock::now().time_since_epoch().count();
  return ::send(ctl, &report, sizeof report, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof report);
}

void die(int ctl, const sandbox::StepFailure& step) {
  sandbox::RunReport report;
  report.kind = sandbox::RunReport::Kind::failed;
  report.error = step.error;
  report.step.set(step.step);
  (void)send_report(ctl, report);
  ::_exit(1);
}

}  // namespace mecapy::zygote
