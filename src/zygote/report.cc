#include "zygote/report.h"

#include <sys/socket.h>
#include <unistd.h>

namespace mecapy::zygote {

bool send_report(int ctl, const sandbox::RunReport& report) {
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
