// On a real cluster: `tools/services.sh start slurm`. Its jobs run a program of the test in the
// worker's place.
#include "clouds/slurm.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <fstream>

#include "base/id.h"
#include "base/test_await.h"
#include "base/test_folder.h"
#include "base/test_services.h"
#include "clouds/program.h"

namespace mecapy::clouds {
namespace {

namespace fs = std::filesystem;
using model::OutcomeCode;
using std::chrono::seconds;

constexpr auto kCall = seconds(30);

template <class T>
T taken(Answer<T> answer) {
  if (const auto* refusal = std::get_if<Refusal>(&answer)) {
    ADD_FAILURE() << name(refusal->trouble) << ": " << refusal->message;
    return T();
  }
  return std::get<T>(std::move(answer));
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

class SlurmTest : public testing::Test {
 protected:
  SlurmTest() {
    ::setenv("SLURM_CONF", base::of_service("slurmctld").c_str(), 1);
    options_.installation = base::random_hex(6);
    options_.folder = folder_.path("shared");
    fs::create_directory(options_.folder);
    options_.leave = seconds(0);
    options_.beside_mb = 100;
    program("echo at work; sleep 600");
  }
  ~SlurmTest() override {
    auto placer = make_slurm(options_);
    for (const Found& part : taken(base::await(placer->list(base::after(kCall))))) {
      until("a part is gone",
            [&] { return taken(base::await(placer->remove(part, base::after(kCall)))); });
    }
  }

  // What jobs run in the worker's place; its arguments are the worker's.
  void program(const std::string& text) {
    options_.worker = folder_.path("worker-" + base::random_hex(4));
    std::ofstream(options_.worker) << "#!/bin/sh\n" << text << "\n";
    ::chmod(options_.worker.c_str(), 0755);
  }

  static Order order() {
    Order order;
    order.machine = base::make_uuid7();
    order.type = "job";
    order.home_url = "https://home.example";
    order.token = "t0ken-of-" + order.machine;
    order.life = seconds(600);
    order.memory_mb = 100;
    return order;
  }

  Answer<Done> place(Placer& placer, const Order& order) {
    return base::await(placer.place(
        order,
        [this](std::string parts) -> awaitable<bool> {
          parts_ = std::move(parts);
          co_return true;
        },
        base::after(kCall)));
  }
  static Sight look(Placer& placer, const std::string& machine, const std::string& parts) {
    return taken(base::await(placer.look(machine, parts, base::after(kCall))));
  }
  Sight until_phase(Placer& placer, const std::string& machine, Phase phase) {
    Sight seen;
    until("a phase", [&] {
      seen = look(placer, machine, parts_);
      return seen.phase == phase;
    });
    return seen;
  }
  static bool destroy(Placer& placer, const std::string& machine, const std::string& parts) {
    return taken(base::await(placer.destroy(machine, parts, base::after(kCall))));
  }
  void until_destroyed(Placer& placer, const std::string& machine) {
    until("nothing is left", [&] { return destroy(placer, machine, parts_); });
  }
  std::string shared(const std::string& machine, const std::string& file) const {
    return options_.folder + "/" + options_.installation + "/" + machine + "/" + file;
  }
  // What the cluster says of the job that was placed last.
  std::string told() const {
    const std::string id = parts_.substr(parts_.find(' ') + 1);
    auto ran = base::await(run_program({{"/usr/bin/scontrol", "-o", "show", "job", id},
                                        {"SLURM_CONF=" + base::of_service("slurmctld")},
                                        1 << 20},
                                       base::after(kCall)));
    return ran ? ran->out : "";
  }

  template <class What>
  static void until(const char* what, What holds) {
    const auto deadline = base::after(seconds(60));
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) {
        FAIL() << "not in time: " << what;
      }
      ::poll(nullptr, 0, 50);
    }
  }

  base::TestFolder folder_;
  SlurmOptions options_;
  std::string parts_;
};

TEST_F(SlurmTest, AMachineIsMadeSeenAndTakenAwayWithAllItsParts) {
  auto placer = make_slurm(options_);
  const Order wanted = order();
  taken(place(*placer, wanted));
  EXPECT_TRUE(parts_.starts_with("job ")) << parts_;
  until_phase(*placer, wanted.machine, Phase::running);
  std::set<std::string> kinds;
  for (const Found& part : taken(base::await(placer->list(base::after(kCall))))) {
    EXPECT_EQ(part.machine, wanted.machine);
    if (part.kind == "job") {
      ASSERT_TRUE(part.made);
      const auto age = base::SystemClock().now() - *part.made;
      EXPECT_LT(std::chrono::abs(age), std::chrono::minutes(5));
    }
    kinds.insert(part.kind);
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"folder", "job"}));
  until_destroyed(*placer, wanted.machine);
  EXPECT_TRUE(taken(base::await(placer->list(base::after(kCall)))).empty());
  EXPECT_FALSE(fs::exists(shared(wanted.machine, "")));
  EXPECT_TRUE(destroy(*placer, wanted.machine, parts_));
  EXPECT_EQ(look(*placer, wanted.machine, "").phase, Phase::absent);
}

TEST_F(SlurmTest, WhatWasNeverMadeIsAbsentAndGone) {
  auto placer = make_slurm(options_);
  const std::string machine = base::make_uuid7();
  EXPECT_EQ(look(*placer, machine, "").phase, Phase::absent);
  EXPECT_EQ(look(*placer, machine, "job 4000000").phase, Phase::absent);
  EXPECT_TRUE(destroy(*placer, machine, ""));
  EXPECT_TRUE(destroy(*placer, "../../etc", ""));
}

TEST_F(SlurmTest, AKilledProcesssJobIsFoundByItsName) {
  const Order wanted = order();
  {
    auto dying = make_slurm(options_);
    taken(place(*dying, wanted));
  }
  auto placer = make_slurm(options_);
  parts_ = "folder";  // the number was not saved
  until_phase(*placer, wanted.machine, Phase::running);
  EXPECT_FALSE(destroy(*placer, wanted.machine, parts_));
  until_destroyed(*placer, wanted.machine);
}

TEST_F(SlurmTest, AnotherInstallationsJobsAreNotOurs) {
  auto placer = make_slurm(options_);
  const Order wanted = order();
  taken(place(*placer, wanted));
  SlurmOptions others = options_;
  others.installation += "x";
  auto other = make_slurm(others);
  EXPECT_TRUE(taken(base::await(other->list(base::after(kCall)))).empty());
  EXPECT_EQ(look(*other, wanted.machine, parts_).phase, Phase::absent);
  EXPECT_TRUE(destroy(*other, wanted.machine, parts_));
  EXPECT_NE(look(*placer, wanted.machine, parts_).phase, Phase::absent);
}

TEST_F(SlurmTest, PartsOfMachinesThatNobodyKnowsAreRemoved) {
  auto placer = make_slurm(options_);
  taken(place(*placer, order()));
  fs::create_directories(shared(base::make_uuid7(), ""));
  const auto found = taken(base::await(placer->list(base::after(kCall))));
  EXPECT_EQ(found.size(), 3u);
  for (const Found& part : found) {
    until("a part is gone",
          [&] { return taken(base::await(placer->remove(part, base::after(kCall)))); });
  }
  EXPECT_TRUE(taken(base::await(placer->list(base::after(kCall)))).empty());
}

TEST_F(SlurmTest, WhatCannotBeNotedIsNotAskedForAndIsTakenAway) {
  auto placer = make_slurm(options_);
  const Order wanted = order();
  int saves = 0;
  auto answer = base::await(placer->place(
      wanted, [&](std::string) -> awaitable<bool> { co_return ++saves == 1; }, base::after(kCall)));
  ASSERT_TRUE(std::holds_alternative<Refusal>(answer));
  EXPECT_EQ(std::get<Refusal>(answer).trouble, Trouble::passing);
  until_destroyed(*placer, wanted.machine);
  EXPECT_TRUE(taken(base::await(placer->list(base::after(kCall)))).empty());
}

TEST_F(SlurmTest, AJobHasTheLimitsOfItsOrderAndNothingOfOurs) {
  ::setenv("MECAPY_DEV_TOKEN", "s3cret", 1);
  program("env; echo \"$*\"; cat \"$5\"; sleep 600");
  options_.partition = "main";
  options_.queue = std::chrono::hours(10);
  auto placer = make_slurm(options_);
  Order wanted = order();
  wanted.cpus = 2;
  wanted.memory_mb = 300;
  wanted.life = std::chrono::hours(10) + std::chrono::minutes(61) + seconds(1);
  taken(place(*placer, wanted));
  ::unsetenv("MECAPY_DEV_TOKEN");
  const std::string job = told();
  for (const char* part : {" CPUs/Task=2 ", " MinMemoryNode=400M ", " TimeLimit=01:02:00 ",
                           " Partition=main ", " Requeue=0 "}) {
    EXPECT_NE(job.find(part), std::string::npos) << part << job;
  }
  EXPECT_EQ(job.find(wanted.token), std::string::npos);
  struct stat info {};
  ASSERT_EQ(::stat(shared(wanted.machine, "token").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  const std::string said = shared(wanted.machine, "said.txt");
  until("it has the token", [&] { return text_of(said).find(wanted.token) != std::string::npos; });
  const std::string text = text_of(said);
  EXPECT_NE(text.find("worker --home https://home.example --token-file "), std::string::npos);
  EXPECT_NE(text.find("MECAPY_WORKER_PROFILE=container\n"), std::string::npos);
  EXPECT_EQ(text.find("s3cret"), std::string::npos);
}

TEST_F(SlurmTest, AWorkerThatEndsByItselfIsToldWithItsLastWords) {
  program("echo first; echo 'no sandbox here' >&2; exit 71");
  auto placer = make_slurm(options_);
  const Order wanted = order();
  taken(place(*placer, wanted));
  const Sight seen = until_phase(*placer, wanted.machine, Phase::over);
  EXPECT_EQ(seen.why, OutcomeCode::worker_lost);
  EXPECT_EQ(seen.said, "FAILED (NonZeroExitCode), exit 71:0: no sandbox here");
  EXPECT_EQ(text_of(shared(wanted.machine, "exit")), "71\n");
}

TEST_F(SlurmTest, AJobThatSlurmHasForgottenIsKnownByWhatItWroteDown) {
  auto placer = make_slurm(options_);
  const std::string machine = base::make_uuid7();
  fs::create_directories(shared(machine, ""));
  std::ofstream(shared(machine, "exit")) << "3\n";
  const Sight seen = look(*placer, machine, "job 4000000");
  EXPECT_EQ(seen.phase, Phase::over);
  EXPECT_EQ(seen.said, "its worker ended with 3");
}

TEST_F(SlurmTest, OneThatTakesMoreMemoryThanItsJobHasIsOutOfMemory) {
  program("exec /usr/bin/python3 -c 'import time; x = bytearray(900 << 20); time.sleep(600)'");
  auto placer = make_slurm(options_);
  const Order wanted = order();
  taken(place(*placer, wanted));
  const Sight seen = until_phase(*placer, wanted.machine, Phase::over);
  EXPECT_EQ(seen.why, OutcomeCode::out_of_memory) << seen.said;
}

TEST_F(SlurmTest, ACancelledJobsWorkerIsAskedToEndFirst) {
  program("trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.1; done");
  auto placer = make_slurm(options_);
  const Order wanted = order();
  taken(place(*placer, wanted));
  const std::string said = shared(wanted.machine, "said.txt");
  until("it is ready", [&] { return text_of(said).find("ready") != std::string::npos; });
  EXPECT_FALSE(destroy(*placer, wanted.machine, parts_));
  until("it was asked", [&] { return text_of(said).find("asked") != std::string::npos; });
  until_destroyed(*placer, wanted.machine);
}

TEST_F(SlurmTest, AWorkerWhoseRunIsOverMayLeaveByItself) {
  options_.leave = seconds(30);
  program("while [ ! -e \"$(dirname \"$5\")/leave\" ]; do sleep 0.1; done");
  auto placer = make_slurm(options_);
  const Order wanted = order();
  taken(place(*placer, wanted));
  until_phase(*placer, wanted.machine, Phase::running);
  EXPECT_FALSE(destroy(*placer, wanted.machine, parts_));
  EXPECT_EQ(look(*placer, wanted.machine, parts_).phase, Phase::running);
  std::ofstream(shared(wanted.machine, "leave")) << "";
  EXPECT_EQ(until_phase(*placer, wanted.machine, Phase::over).said, "COMPLETED");
  until_destroyed(*placer, wanted.machine);
}

TEST_F(SlurmTest, WhatTheClusterRefusesIsToldApart) {
  struct Row {
    std::string SlurmOptions::*wish;
    const char* words;
  };
  const Row rows[] = {{&SlurmOptions::partition, "Invalid partition name"},
                      {&SlurmOptions::constraint, "Invalid feature"}};
  for (const Row& row : rows) {
    SlurmOptions options = options_;
    options.*row.wish = "moon";
    auto placer = make_slurm(options);
    const Order wanted = order();
    auto answer = place(*placer, wanted);
    ASSERT_TRUE(std::holds_alternative<Refusal>(answer)) << row.words;
    EXPECT_EQ(std::get<Refusal>(answer).trouble, Trouble::refused);
    EXPECT_NE(std::get<Refusal>(answer).message.find(row.words), std::string::npos)
        << std::get<Refusal>(answer).message;
    until_destroyed(*placer, wanted.machine);
  }
}

TEST_F(SlurmTest, AControllerThatIsAwayIsAskedAgainLater) {
  const std::string conf = folder_.path("slurm.conf");
  std::string text = text_of(base::of_service("slurmctld"));
  const auto at = text.find("SlurmctldPort=");
  text.replace(at, text.find('\n', at) - at, "SlurmctldPort=9");
  std::ofstream(conf) << text;
  auto placer = make_slurm(options_);
  const std::string machine = base::make_uuid7();
  ::setenv("SLURM_CONF", conf.c_str(), 1);
  auto answer = base::await(placer->look(machine, "job 1", base::after(kCall)));
  ::setenv("SLURM_CONF", base::of_service("slurmctld").c_str(), 1);
  ASSERT_TRUE(std::holds_alternative<Refusal>(answer));
  EXPECT_EQ(std::get<Refusal>(answer).trouble, Trouble::passing)
      << std::get<Refusal>(answer).message;
}

TEST_F(SlurmTest, SettingsThatCannotWorkAreTold) {
  EXPECT_TRUE(check_slurm(options_));
  const std::pair<std::string SlurmOptions::*, const char*> rows[] = {
      {&SlurmOptions::folder, "machines.slurm_folder"},
      {&SlurmOptions::worker, "machines.slurm_worker"}};
  for (const auto& [member, words] : rows) {
    for (const char* value : {"", "relative", "/with space"}) {
      SlurmOptions options = options_;
      options.*member = value;
      const auto checked = check_slurm(options);
      ASSERT_FALSE(checked) << words << value;
      EXPECT_NE(checked.error().message.find(words), std::string::npos);
    }
  }
  const std::string path = ::getenv("PATH");
  ::setenv("PATH", "/nowhere", 1);
  const auto checked = check_slurm(options_);
  ::setenv("PATH", path.c_str(), 1);
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message.find("sbatch"), std::string::npos);
}

}  // namespace
}  // namespace mecapy::clouds
