#include "sandbox/zygote_kinds.h"

#include <algorithm>

namespace mecapy::sandbox {

const std::array<ZygoteRow, kZygoteKinds> kZygoteTable = {{
    {ZygoteKind::bare, "", ""},
    {ZygoteKind::numpy, "numpy", "numpy numpy.fft numpy.linalg numpy.ma numpy.random"},
    {ZygoteKind::scipy, "scipy",
     "scipy.fft scipy.integrate scipy.interpolate scipy.linalg scipy.optimize scipy.signal "
     "scipy.sparse scipy.sparse.linalg scipy.spatial scipy.special scipy.stats"},
    {ZygoteKind::pandas, "pandas", "pandas"},
    {ZygoteKind::matplotlib, "matplotlib", "matplotlib.backends.backend_agg matplotlib.pyplot"},
}};

const ZygoteRow& zygote_row(ZygoteKind kind) { return kZygoteTable[index_of(kind)]; }

std::string modules_of(ZygoteKind kind) {
  std::string modules;
  for (const ZygoteRow& row : kZygoteTable) {
    if (row.kind > kind || row.modules.empty()) continue;
    modules += (modules.empty() ? "" : " ") + std::string(row.modules);
  }
  return modules;
}

ZygoteKind kind_of_package(std::string_view package) {
  const auto row = std::ranges::find(kZygoteTable, package, &ZygoteRow::name);
  return row == kZygoteTable.end() ? ZygoteKind::bare : row->kind;
}

ZygoteKind highest_mentioned(std::string_view code) {
  ZygoteKind highest = ZygoteKind::bare;
  for (const ZygoteRow& row : kZygoteTable) {
    if (!row.name.empty() && code.find(row.name) != std::string_view::npos) highest = row.kind;
  }
  return highest;
}

}  // namespace mecapy::sandbox
