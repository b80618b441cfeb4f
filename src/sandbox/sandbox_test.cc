// Runs that end well, and each way to end badly, through the real sandbox.
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

TEST_F(Runs, Check_AnswersTheImportsOrTheLine) {
  const Played good = play_job(
      JobKind::check,
      "import math, scipy.linalg as la\ndef calculate(inputs):\n from numpy import pi\n return pi",
      "", quick());
  EXPECT_EQ(good.result(), R"({"imports": ["math", "numpy", "scipy"]})");
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

class Failures : public SandboxTest {};

TEST_F(Failures, SyntaxError_IsInvalidCodeWithItsPlace) {
  const Played run = play("def calculate(inputs):\n    return 1 +\n");
  EXPECT_EQ(run.code(), "invalid_code") << run.message();
  EXPECT_EQ(run.message(), "SyntaxError: line 2: invalid syntax");
  EXPECT_EQ(run.end.failure->line, 2);
  EXPECT_EQ(run.end.failure->column, 15);
}

TEST_F(Failures, NoCalculate_IsInvalidCode) {
  EXPECT_EQ(play("x = 1\n").code(), "invalid_code");
  EXPECT_EQ(play("calculate = 3\n").message(), "calculate is int, not a function");
  EXPECT_EQ(play(std::string("x = '\0'", 7)).code(), "invalid_code");
  EXPECT_EQ(play("x = " + std::string(5000, '(') + "\n").code(), "invalid_code");
}

TEST_F(Failures, Exception_ShowsTheAuthorsLinesOnly) {
  const Played run = play(R"(import json

def section(inputs):
    if inputs["section"] <= 0:
        raise ValueError("section must be > 0")

def calculate(inputs):
    try:
        json.loads("{")
    except ValueError as error:
        section(inputs)
)",
                          R"({"section": 0})");
  EXPECT_EQ(run.code(), "user_error") << run.message();
  EXPECT_EQ(run.message(), "ValueError: section must be > 0");
  EXPECT_EQ(run.end.failure->line, 5);
  const std::string& shown = run.end.failure->traceback;
  EXPECT_TRUE(has(shown, "File \"calc.py\", line 11, in calculate\n    section(inputs)"));
  EXPECT_TRUE(has(shown, "During handling of the above exception"));
  EXPECT_TRUE(has(shown, "python/json/decoder.py"));
  EXPECT_FALSE(has(shown, "harness"));
  EXPECT_FALSE(has(shown, "/mecapy"));
}

TEST_F(Failures, ExceptionInAPackage_NamesItWithoutPath) {
  const Played run = calculate("return np.linalg.solve(np.zeros((2, 2)), np.ones(2))");
  EXPECT_EQ(run.message(), "numpy.linalg.LinAlgError: Singular matrix");
  EXPECT_TRUE(has(run.end.failure->traceback, "site-packages/numpy/linalg"));
  EXPECT_EQ(run.end.failure->line, 5);
}

TEST_F(Failures, ExceptionWhoseTextRaises_IsStillToldApart) {
  const Played run = calculate(R"(
class Bad(Exception):
    def __str__(self): raise SystemExit(3)
raise Bad())");
  EXPECT_EQ(run.code(), "user_error") << run.message();
  EXPECT_TRUE(has(run.message(), "Bad"));
}

TEST_F(Failures, ResultThatCannotBeEncoded_NamesThePlace) {
  const Played run = calculate("return {'a': [0, 1, 2, len]}");
  EXPECT_EQ(run.code(), "invalid_result") << run.message();
  EXPECT_EQ(run.message(), "result['a'][3] is a function");
}

TEST_F(Failures, SysExit_IsNoResult) {
  const Played run = calculate("sys.exit(2)");
  EXPECT_EQ(run.code(), "invalid_result") << run.message();
  EXPECT_EQ(run.message(), "the calculation called sys.exit(2) before returning a result");
}

TEST_F(Failures, OsExit_IsNoResultOrACrash) {
  EXPECT_EQ(calculate("os._exit(0)").code(), "invalid_result");
  const Played run = calculate("os._exit(3)");
  EXPECT_EQ(run.code(), "crashed") << run.message();
  EXPECT_EQ(run.message(), "the calculation ended its process with exit status 3 and no result");
}

TEST_F(Failures, SegmentationFault_IsACrashWithItsName) {
  const Played run = calculate("ctypes.string_at(0)");
  EXPECT_EQ(run.code(), "crashed") << run.message();
  EXPECT_TRUE(has(run.message(), "SIGSEGV (Segmentation fault)"));
}

// --- limits ---

class LimitsHold : public SandboxTest {};

TEST_F(LimitsHold, WallTime) {
  model::Limits limits = quick();
  limits.timeout_s = 0.2;
  const Played run = calculate("time.sleep(60)", limits);
  EXPECT_EQ(run.code(), "timeout") << run.message();
  EXPECT_EQ(run.message(), "timeout: did not end within 0.2 s");
  EXPECT_GE(run.end.usage.wall_us, 200'000);
  EXPECT_LT(run.end.usage.wall_us, 400'000);
}

TEST_F(LimitsHold, CpuTime) {
  model::Limits limits = quick();
  limits.cpu_s = 0.3;
  const Played run = calculate("while True: pass", limits);
  EXPECT_EQ(run.code(), "cpu_limit") << run.message();
  EXPECT_TRUE(has(run.message(), "of 0.3 s of CPU time"));
  EXPECT_LT(run.end.usage.cpu_us, 600'000);
}

TEST_F(LimitsHold, Memory_FiguresAreTheLimits) {
  const Played run = calculate("blocks = []\nwhile True: blocks.append(bytearray(1 << 24))");
  EXPECT_EQ(run.code(), "out_of_memory") << run.message();
  EXPECT_EQ(run.message(), "out of memory: used 512 of 512 MiB");
}

TEST_F(LimitsHold, WhileAPackageIsImported_ItIsNamed) {
  const auto import = [](const std::string& module) {
    return "open('heavy.py', 'w').write(\"" + module + "\")\nimport fractions\nimport heavy\n";
  };
  const Played memory =
      calculate(import("import colorsys\\nx = []\\nwhile 1: x.append(b'1' * (1 << 24))"));
  EXPECT_TRUE(has(memory.message(), "of 512 MiB while importing heavy")) << memory.message();
  model::Limits brief = quick();
  brief.timeout_s = 1;
  const Played time = calculate(import("while 1: pass"), brief);
  EXPECT_TRUE(has(time.message(), " while importing heavy")) << time.message();
  const Played after = calculate(import("y = 1") + "while 1: pass", brief);
  EXPECT_EQ(after.code(), "timeout") << after.message();
  EXPECT_FALSE(has(after.message(), "importing")) << after.message();
}

TEST_F(LimitsHold, Memory_AnAllocationThatCannotBe_IsTold) {
  const Played run = calculate("np.zeros(1 << 40)");
  EXPECT_EQ(run.code(), "user_error");  // nothing was used: no limit was reached
  EXPECT_TRUE(has(run.message(), "MemoryError: Unable to allocate 8.00 TiB"));
}

TEST_F(LimitsHold, Disk) {
  const Played run = calculate(R"(
with open('big', 'wb') as file:
    for _ in range(100): file.write(bytes(1 << 20))
)");
  EXPECT_EQ(run.code(), "disk_limit") << run.message();
  EXPECT_TRUE(starts(run.message(), "the working folder is full: at most 64 MiB"));
}

TEST_F(LimitsHold, Processes) {
  const Played run = calculate("while os.fork() != 0: pass\ntime.sleep(60)");
  EXPECT_EQ(run.code(), "process_limit") << run.message();
  EXPECT_TRUE(starts(run.message(), "too many processes or threads: "));
  EXPECT_TRUE(has(run.message(), by_profile("at most 16 at once", "at once, at most 16")));
  EXPECT_EQ(run.evidence.pids_refused > 0, !in_container());
}

TEST_F(LimitsHold, Threads) {
  const Played run = calculate(
      "import threading\nwhile True: threading.Thread(target=time.sleep, args=(60,)).start()");
  EXPECT_EQ(run.code(), "process_limit") << run.message();
}

TEST_F(LimitsHold, Log) {
  const Played run = calculate("while True: print('x' * 100)");
  EXPECT_EQ(run.code(), "output_limit") << run.message();
  EXPECT_EQ(run.message(), "too much output: more than 64 KiB on stdout and stderr");
  EXPECT_EQ(run.log.size(), 64U * 1024);
}

TEST_F(LimitsHold, Result) {
  model::Limits limits = quick();
  limits.result_mb = 0.5;
  const Played run = calculate("return 'x' * (1 << 20)", limits);
  EXPECT_EQ(run.code(), "output_limit") << run.message();
  EXPECT_EQ(run.message(), "result too large: 1 MiB of at most 0.5 MiB");
}

TEST_F(LimitsHold, Artifacts) {
  model::Limits limits = quick();
  limits.artifacts_mb = 1;
  const Played run = calculate("open('big', 'wb').write(bytes(2 << 20))", limits);
  EXPECT_EQ(run.code(), "output_limit") << run.message();
  EXPECT_EQ(run.message(), "artifacts too large: 2 MiB of at most 1 MiB");
  const Played many = calculate("for i in range(300): open(f'f{i}', 'w')", limits);
  EXPECT_EQ(many.code(), "output_limit");
  EXPECT_TRUE(has(many.message(), "300 files"));
}

}  // namespace
}  // namespace mecapy::sandbox
