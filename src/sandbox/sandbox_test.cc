// Runs that end well, through the real sandbox.
#include "sandbox/sandbox.h"

#include "base/clock.h"
#include "sandbox/sandbox_fixture.h"

namespace mecapy::sandbox {
namespace {

class Runs : public SandboxTest {};

TEST_F(Runs, Bolt_StressIsReturned) {
  const Played run = play(R"(
import math

def calculate(inputs):
    area = math.pi * inputs["diameter"] ** 2 / 4
    stress = inputs["force"] / area
    return {"stress": stress, "ok": stress < inputs["limit"]}
)",
                          R"({"diameter": 10.0, "force": 15000.0, "limit": 240.0})");
  EXPECT_EQ(run.code(), "completed") << run.message() << run.log;
  EXPECT_EQ(run.result(), R"({"stress":190.9859317102744,"ok":true})");
  EXPECT_TRUE(run.started);
  EXPECT_GT(run.end.usage.wall_us, 0);
  EXPECT_GT(run.end.usage.cpu_us, 0);
  EXPECT_GT(run.end.usage.peak_memory_bytes, 0);
  EXPECT_GT(run.end.usage.setup_us, 0);
}

TEST_F(Runs, NumpyArrayAndNan_HaveTheDocumentedEncoding) {
  const Played run = calculate("return {'a': np.array([[1.5, np.nan]]), 'n': float('inf')}");
  EXPECT_EQ(run.result(),
            R"({"a":{"$type":"ndarray","dtype":"float64","shape":[1,2],"data":[1.5,"nan"]},)"
            R"("n":{"$type":"float","value":"inf"}})");
}

// What runs have in common was copied before it was asked for, so what is left are the first reads
// (zygote/hot_pages.h; without it 120 and more).
TEST_F(Runs, WhatRunsWrite_WasCopiedAhead) {
  const Played run = play(R"(
import resource
BEGIN = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
import numpy as np
def calculate(inputs):
    print('mean', float((2.0 * np.array([1.0, 2.0])).mean()))
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - BEGIN
)");
  EXPECT_LT(std::stoi(run.result()), 100);
}

// Beside the run are init and the process that holds its memory (zygote/memory_holder.h), which is
// nobody's child to wait for.
TEST_F(Runs, WhatHoldsTheMemory_IsNoChild) {
  const Played run = play(R"(
import os
def calculate(inputs):
    try:
        waited = os.wait()
    except ChildProcessError:
        waited = 'nobody'
    try:
        os.kill(3, 0)
        held = os.getpid() == 2
    except OSError:
        held = False
    return [waited, held]
)");
  EXPECT_EQ(run.result(), in_container() ? R"(["nobody",false])" : R"(["nobody",true])");
}

// One executable and one writable mapping for each library (zygote/merge.h), never both in one.
TEST_F(Runs, LibrariesAreFewMappings) {
  const Played run = play(R"(
import numpy
def calculate(inputs):
    maps = [line.split() for line in open('/proc/self/maps')]
    both = [m for m in maps if 'w' in m[1] and 'x' in m[1]]
    umath = [m[1] for m in maps if '_multiarray_umath' in m[-1]]
    return [len(both), umath.count('r-xp'), umath.count('r--p')]
)");
  EXPECT_EQ(run.result(), "[0,1,0]");
}

// What the zygote did ahead: objects frozen, so that a collection copies no page; numpy's first
// solve done; caches that a first use fills.
TEST_F(Runs, TheZygoteIsWarmAndFrozen) {
  const Played run = play(R"(
import sys
warm = 'numpy.linalg' in sys.modules
import gc, numpy
def calculate(inputs):
    return [warm, gc.isenabled(), gc.get_freeze_count() > 10000]
)");
  EXPECT_EQ(run.result(), "[true,true,true]");
}

TEST_F(Runs, FilesCanBeCopiedInEveryWay) {
  const Played run = play(R"(
import os, shutil
def calculate(inputs):
    os.mkdir('a')
    with open('a/x', 'w') as file: file.write('x')
    shutil.copy('a/x', 'b')
    shutil.copy2('a/x', 'c')
    shutil.copytree('a', 'd')
    shutil.move('a', 'e')
    return sorted(os.path.join(f, n) for f, _, names in os.walk('.') for n in names)
)");
  EXPECT_EQ(run.result(), R"(["./b","./c","./d/x","./e/x"])") << run.message();
}

TEST_F(Runs, Inputs_AreRevived) {
  const Played run =
      play("def calculate(inputs):\n    return float(inputs['a'].sum())\n",
           R"({"a":{"$type":"ndarray","dtype":"float64","shape":[2],"data":[1,2]}})");
  EXPECT_EQ(run.result(), "3.0") << run.message();
}

TEST_F(Runs, TheWholeEnvironment_Imports) {
  const Played run = calculate(R"(
import scipy.linalg, scipy.optimize, pandas
frame = pandas.DataFrame({'x': [1.0, 2.0]})
root = scipy.optimize.brentq(lambda x: x * x - 2, 0, 2)
return [round(root, 6), float(frame['x'].sum()), float(scipy.linalg.det(np.eye(3)))])");
  EXPECT_EQ(run.result(), "[1.414214,3.0,1.0]") << run.message() << run.log;
}

TEST_F(Runs, OpenFigureAndFiles_BecomeArtifacts) {
  const Played run = calculate(R"(
import matplotlib.pyplot as plt
plt.plot([1, 2, 3])
os.mkdir('sub')
open('sub/note.txt', 'w').write('hello')
unclosed = open('table.csv', 'w')
unclosed.write('1,2')
globals()['keep'] = unclosed
return None)");
  EXPECT_EQ(run.code(), "completed") << run.message() << run.log;
  EXPECT_EQ(run.artifacts.size(), 3U);
  EXPECT_TRUE(starts(run.artifacts.at("figure-1.png"), "\x89PNG"));
  EXPECT_EQ(run.artifacts.at("sub/note.txt"), "hello");
  EXPECT_EQ(run.artifacts.at("table.csv"), "1,2");
  EXPECT_EQ(run.log, "");
}

TEST_F(Runs, FigureInTheResult_IsAnArtifactByName) {
  const Played run = calculate(R"(
from matplotlib.figure import Figure
figure = Figure()
figure.subplots().plot([1, 2])
return {'plot': figure})");
  EXPECT_EQ(run.result(), R"({"plot":{"$type":"artifact","name":"figure-1.png"}})")
      << run.message();
  EXPECT_EQ(run.artifacts.count("figure-1.png"), 1U);
}

TEST_F(Runs, FontList_IsMadeOnceForAllRuns) {
  const std::string body = R"(
import glob
lists = glob.glob(os.environ['MPLCONFIGDIR'] + '/fontlist-*.json')
if not lists: return None
before = os.stat(lists[0]).st_ino
import matplotlib.font_manager
return os.stat(lists[0]).st_ino == before and os.path.islink(lists[0]))";
  const base::Deadline deadline = base::after(patience() * std::chrono::seconds(20));
  Played run = calculate(body);
  while (run.result() == "null" && std::chrono::steady_clock::now() < deadline) {
    run = calculate(body);
  }
  EXPECT_EQ(run.result(), "true") << run.message();
  EXPECT_EQ(run.log, "");
}

TEST_F(Runs, PrintLoggingAndProgress_ReachTheFront) {
  const Played run = calculate(R"(
import logging
from mecapy import progress
print('printed')
logging.warning('logged')
progress(0.5, 'half')
return 1)");
  EXPECT_EQ(run.log, "printed\nWARNING:root:logged\n");
  ASSERT_EQ(run.progress.size(), 1U);
  EXPECT_EQ(run.progress[0], R"({"fraction": 0.5, "message": "half"})");
}

TEST_F(Runs, ThreadsProcessesAndAsyncio_Work) {
  const Played run = calculate(R"(
import asyncio, multiprocessing, threading
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    threads = sum(pool.map(abs, range(-3, 4)))
try:
    with multiprocessing.Pool(2) as pool:
        processes = sum(pool.map(abs, [-1, -2]))
except PermissionError:  # its semaphores are files in /dev/shm
    near, far = multiprocessing.Pipe()
    child = multiprocessing.get_context('fork').Process(target=lambda: far.send(4))
    child.start()
    processes = near.recv()
    child.join()
async def three():
    await asyncio.sleep(0)
    return 3
return [threads, processes, asyncio.run(three()), threading.get_native_id() == os.getpid()])");
  EXPECT_EQ(run.result(), by_profile("[12,3,3,true]", "[12,4,3,true]"))
      << run.message() << run.end.failure->traceback << run.log;
}

TEST_F(Runs, TwoRuns_DrawDifferentRandomNumbers) {
  const std::string body =
      "import random, uuid\nreturn [random.random(), float(np.random.rand()), str(uuid.uuid4())]";
  const Played one = calculate(body);
  const Played two = calculate(body);
  EXPECT_EQ(one.code(), "completed") << one.message();
  const auto part = [](const Played& run, int i) {
    std::string text = run.result();
    for (; i > 0; --i) text.erase(0, text.find(',') + 1);
    return text.substr(0, text.find(','));
  };
  for (int i = 0; i < 3; ++i) EXPECT_NE(part(one, i), part(two, i));
}

TEST_F(Runs, WhatAllItsProcessesWrote_IsCounted) {
  const Played run = calculate(R"(
with open('kept', 'wb') as file:
    file.write(bytes(1_000_000))
os.unlink('kept')
if os.fork() == 0:
    os.write(1, b'x' * 50_000)
    os._exit(0)
os.wait()
return 1)");
  EXPECT_EQ(run.code(), "completed") << run.message();
  EXPECT_GE(run.evidence.written_bytes, 1'050'000);
  EXPECT_LT(run.evidence.written_bytes, 1'060'000);
}

TEST_F(Runs, NumpysGenerator_StartsAfreshAndDrawsWhatItsSeedSays) {
  const Played run = calculate(R"(
name, key, position, gauss, _ = np.random.get_state()
fresh = [name, len(set(key.tolist())) > 600, int(position), int(gauss)]
np.random.seed(1)
return fresh + [float(np.random.rand())])");
  EXPECT_EQ(run.result(), R"(["MT19937",true,624,0,0.417022004702574])") << run.message();
}

TEST_F(Runs, AForkOfTheCalculation_IsDoneAsOnALaptop) {
  const Played run = calculate(R"(
import logging, random, threading
handler = logging.StreamHandler()
held = threading.Thread(target=handler.acquire)
held.start()
held.join()
read, write = os.pipe()
pid = os.fork()
if pid == 0:
    handler.acquire()
    alone = threading.current_thread() is threading.main_thread()
    os.write(write, f'{random.random()} {alone}'.encode())
    os._exit(0)
number, alone = os.read(read, 100).decode().split()
os.waitpid(pid, 0)
return [float(number) != random.random(), alone])");
  EXPECT_EQ(run.result(), R"([true,"True"])") << run.message();
}

TEST_F(Runs, StandardInputIsEmpty_ArgvIsTheFile) {
  const Played run = calculate(R"(
try:
    input()
except EOFError:
    return [sys.argv, __name__, os.path.basename(os.getcwd()), os.listdir('.')])");
  EXPECT_EQ(run.result(), R"([["calc.py"],"calc","work",[]])") << run.message();
}

TEST_F(Runs, Check_AnswersTheImportsAndWhatIsKnownOrTheLine) {
  const Played good = play_job(
      JobKind::check,
      "import math, scipy.linalg as la\ndef calculate(inputs):\n from numpy import pi\n return pi",
      "", quick());
  EXPECT_EQ(good.result(), R"({"imports": ["math", "numpy", "scipy"], "inputs": []})");
  const Played bad = play_job(JobKind::check, "def calculate(inputs):\n  return (\n", "", quick());
  EXPECT_EQ(bad.code(), "invalid_code");
  EXPECT_EQ(bad.end.failure->line, 2);
  EXPECT_EQ(bad.end.failure->column, 10);
}

TEST_F(Runs, EverySlotAtOnce_OneMoreIsBusy) {
  std::vector<RunPipes> open;
  for (int k = 0; k < sandbox_->slots(); ++k) {
    auto pipes = sandbox_->start(next_run_++, quick());
    ASSERT_TRUE(pipes.has_value());
    open.push_back(std::move(pipes.value()));
  }
  const auto more = sandbox_->start(next_run_, quick());
  ASSERT_TRUE(more.has_error());
  EXPECT_EQ(more.error().code, ErrorCode::busy);
  for (int k = 1; k <= sandbox_->slots(); ++k) {
    sandbox_->kill(next_run_ - static_cast<std::uint64_t>(k));
  }
  const std::vector<Evidence> ends = wait_for_ends(sandbox_->slots());
  for (const Evidence& end : ends) EXPECT_TRUE(end.kill_requested);
}

TEST_F(Runs, KilledByTheFront_IsCancelled) {
  const std::uint64_t run = next_run_++;
  auto pipes = sandbox_->start(run, quick());
  ASSERT_TRUE(pipes.has_value());
  sandbox_->kill(run);
  const std::vector<Evidence> ends = wait_for_ends(1);
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(judge(ends[0], {}, quick()).status, model::RunStatus::cancelled);
}

// --- failures of the calculation ---

}  // namespace
}  // namespace mecapy::sandbox
