#define PY_SSIZE_T_CLEAN
#include "zygote/interpreter.h"

#include <Python.h>
#include <sys/random.h>

#include <algorithm>

namespace mecapy::zygote {
namespace {

constexpr const wchar_t* kPaths[] = {
    L"/usr/lib/python3.11",
    L"/usr/lib/python3.11/lib-dynload",
};
constexpr int kInternalError = 70;  // sysexits.h, EX_SOFTWARE

// Of mecapy._harness, found before the fork.
PyObject* harness_wake = nullptr;
PyObject* harness_main = nullptr;

// The state of numpy's global generator, the MT19937 of Matsumoto and Nishimura, as
// mecapy._numpy.state_address has found and checked it; null when there is no numpy.
struct GeneratorState {
  std::uint32_t key[624];
  int position;  // 624: the whole key is to be stirred before the first draw
};
GeneratorState* generator = nullptr;

std::string take_exception() {
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  std::string text =
      type != nullptr ? reinterpret_cast<PyTypeObject*>(type)->tp_name : "no exception";
  PyObject* words = value != nullptr ? PyObject_Str(value) : nullptr;
  const char* utf8 = words != nullptr ? PyUnicode_AsUTF8(words) : nullptr;
  if (utf8 != nullptr) text += std::string(": ") + utf8;
  Py_XDECREF(words);
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(trace);
  PyErr_Clear();
  return text;
}

// False with a Python exception.
bool find_generator() {
  PyObject* module = PyImport_ImportModule("mecapy._numpy");
  PyObject* address =
      module != nullptr ? PyObject_CallMethod(module, "state_address", nullptr) : nullptr;
  if (address != nullptr) generator = static_cast<GeneratorState*>(PyLong_AsVoidPtr(address));
  Py_XDECREF(address);
  Py_XDECREF(module);
  return PyErr_Occurred() == nullptr;
}

// Without it every run of a zygote would draw the same numbers.
bool renew_generator() {
  if (generator == nullptr) return true;
  constexpr std::size_t kKeyBytes = sizeof generator->key;
  char* const at = reinterpret_cast<char*>(generator->key);
  for (std::size_t done = 0; done < kKeyBytes;) {
    const ssize_t got = ::getrandom(at + done, std::min<std::size_t>(256, kKeyBytes - done), 0);
    if (got <= 0) return false;
    done += static_cast<std::size_t>(got);
  }
  generator->position = 624;
  return true;
}

// Every path is stated, so that nothing is searched for: neither the environment, nor pyvenv.cfg,
// nor the machine's own dist-packages can come in.
PyStatus set_paths(PyConfig& config, const PythonPlaces& places) {
  PyStatus status = PyConfig_SetString(&config, &config.home, L"/usr");
  for (wchar_t** field :
       {&config.prefix, &config.base_prefix, &config.exec_prefix, &config.base_exec_prefix}) {
    if (!PyStatus_Exception(status)) status = PyConfig_SetString(&config, field, L"/usr");
  }
  for (wchar_t** field : {&config.executable, &config.base_executable}) {
    if (!PyStatus_Exception(status)) status = PyConfig_SetString(&config, field, L"");
  }
  config.module_search_paths_set = 1;
  for (const wchar_t* path : kPaths) {
    if (PyStatus_Exception(status)) break;
    status = PyWideStringList_Append(&config.module_search_paths, path);
  }
  for (const char* path : {places.runtime, places.packages}) {
    wchar_t* const wide = Py_DecodeLocale(path, nullptr);
    if (wide == nullptr) return PyStatus_NoMemory();
    if (!PyStatus_Exception(status)) {
      status = PyWideStringList_Append(&config.module_search_paths, wide);
    }
    PyMem_RawFree(wide);
  }
  return status;
}

PyStatus initialize(const PythonPlaces& places) {
  PyPreConfig before;
  PyPreConfig_InitIsolatedConfig(&before);
  before.utf8_mode = 1;
  PyStatus status = Py_PreInitialize(&before);
  if (PyStatus_Exception(status)) return status;
  PyConfig config;
  PyConfig_InitIsolatedConfig(&config);
  config.site_import = 0;         // mecapy._warm adds exit() and help(); no .pth file is read
  config.use_frozen_modules = 0;  // os and its like have their __file__ and source, as elsewhere
  config.write_bytecode = 0;
  config.install_signal_handlers = 1;  // as in `python`: KeyboardInterrupt, no SIGPIPE, no SIGXFSZ
  config.parse_argv = 0;
  status = set_paths(config, places);
  if (!PyStatus_Exception(status)) status = PyWideStringList_Append(&config.argv, L"calc.py");
  if (!PyStatus_Exception(status)) status = Py_InitializeFromConfig(&config);
  PyConfig_Clear(&config);
  return status;
}

}  // namespace

bool start_interpreter(const char* modules, const PythonPlaces& places, std::string& error) {
  const PyStatus status = initialize(places);
  if (PyStatus_Exception(status)) {
    error = status.err_msg != nullptr ? status.err_msg : "Python does not start";
    return false;
  }
  PyObject* warm = PyImport_ImportModule("mecapy._warm");
  PyObject* done = warm != nullptr ? PyObject_CallMethod(warm, "warm", "sss", modules,
                                                         places.packages, places.cache)
                                   : nullptr;
  PyObject* harness = done != nullptr ? PyImport_ImportModule("mecapy._harness") : nullptr;
  harness_wake = harness != nullptr ? PyObject_GetAttrString(harness, "wake") : nullptr;
  harness_main = harness_wake != nullptr ? PyObject_GetAttrString(harness, "main") : nullptr;
  Py_XDECREF(harness);
  Py_XDECREF(done);
  Py_XDECREF(warm);
  const bool started = harness_main != nullptr && find_generator();
  if (!started) error = take_exception();
  return started;
}

bool prepare_for_forks() {
  PyOS_BeforeFork();
  // After it: this was no fork of a calculation.
  PyObject* module = PyImport_ImportModule("mecapy._forks");
  PyObject* done =
      module != nullptr ? PyObject_CallMethod(module, "release_at_fork", nullptr) : nullptr;
  if (done == nullptr) PyErr_Clear();
  Py_XDECREF(done);
  Py_XDECREF(module);
  return done != nullptr;
}

bool wake_interpreter(const char* folder) {
  if (!renew_generator()) return false;
  PyOS_AfterFork_Child();
  PyObject* done = PyObject_CallFunction(harness_wake, "s", folder);
  if (done == nullptr) PyErr_Clear();
  Py_XDECREF(done);
  return done != nullptr;
}

int enter_run(int channel, std::uint32_t blas_threads) {
  PyObject* result = PyObject_CallFunction(harness_main, "iI", channel, blas_threads);
  if (result == nullptr) {
    PyErr_Print();
    return kInternalError;
  }
  const long status = PyLong_AsLong(result);
  return status >= 0 && status < 256 ? static_cast<int>(status) : kInternalError;
}

}  // namespace mecapy::zygote
