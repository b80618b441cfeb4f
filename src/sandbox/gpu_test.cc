// What a run that is given graphics processors gets beside the others: their devices, and the
// commands of their driver. There is no such device on the machines of the tests; the kernel's own
// /dev/full stands for one.
#include <unistd.h>

#include "sandbox/sandbox_fixture.h"

namespace mecapy::sandbox {
namespace {

// What opening the device and giving it one command of each kind say, by errno.
const std::string kAsk = R"(
import errno, fcntl
try:
    device = os.open('/dev/full', os.O_RDWR)
except OSError as error:
    device = errno.errorcode[error.errno]
def command(number):
    try:
        fcntl.ioctl(0 if isinstance(device, str) else device, number, bytes(16))
    except OSError as error:
        return errno.errorcode[error.errno]
of_driver = [command(number) for number in (0xc0084629, 39, 0x30000001)]
return [device if isinstance(device, str) else 'open', of_driver, command(0x5412)])";

class Gpu : public SandboxTest {
 protected:
  static void SetUpTestSuite() {
    if (in_container()) return;
    Options options = test_options();
    options.gpu_devices = {"/dev/full"};
    auto launched = launch(options);
    EXPECT_TRUE(launched) << launched.error().message;
    if (HasFailure()) ::_exit(1);
    sandbox_ = std::move(launched.value());
  }
  void TearDown() override {
    if (!in_container()) SandboxTest::TearDown();
  }
};

TEST_F(Gpu, ARun_HasTheDevice_AndItsDriversCommandsAlone) {
  if (in_container()) return;  // refused there: see Launch below
  const Played run = calculate(kAsk);
  EXPECT_EQ(run.result(), R"(["open",["ENOTTY","ENOTTY","ENOTTY"],"EPERM"])") << run.message();
}

using WithoutGpu = SandboxTest;

TEST_F(WithoutGpu, ARun_HasNeither) {
  const std::string device = by_profile("ENOENT", "EACCES");
  EXPECT_EQ(calculate(kAsk).result(), R"([")" + device + R"(",["EPERM","EPERM","EPERM"],"EPERM"])");
}

TEST(LaunchWithGpus, ADeviceThatIsNotThere_Refuses) {
  Options options = test_options();
  options.gpu_devices = {"/dev/nvidia63"};
  const auto launched = launch(options);
  ASSERT_TRUE(launched.has_error());
  EXPECT_TRUE(has(launched.error().message,
                  by_profile("/dev/nvidia63 is no device", "in the profile host only")));
}

}  // namespace
}  // namespace mecapy::sandbox
