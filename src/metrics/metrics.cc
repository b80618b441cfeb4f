#include "metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <utility>

namespace mecapy::metrics {
namespace {

void check(const Row& row, Labels labels) {
  if (labels.size() != row.labels.size()) {
    throw std::logic_error("labels of " + std::string(row.name) + " are missing or too many");
  }
}

prometheus::Labels named(const Row& row, const std::vector<std::string>& values) {
  prometheus::Labels labels;
  for (std::size_t i = 0; i < values.size(); ++i) {
    labels.emplace(std::string(row.labels[i]), values[i]);
  }
  return labels;
}

prometheus::MetricFamily family_of(const Row& row, const std::vector<Figures::Figure>& figures) {
  prometheus::MetricFamily family;
  family.name = row.name;
  family.help = row.help;
  const bool counter = row.kind == Kind::counter;
  family.type = counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
  for (const Figures::Figure& figure : figures) {
    prometheus::ClientMetric metric;
    for (const auto& [name, value] : named(row, figure.labels)) {
      metric.label.push_back({name, value});
    }
    (counter ? metric.counter.value : metric.gauge.value) = figure.value;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

}  // namespace

// The library makes a series anew at each look for it: those that are there are remembered.
struct Metrics::Series {
  template <class T>
  using Known = std::map<std::pair<Metric, std::vector<std::string>>, T*>;

  std::mutex mutex;
  prometheus::Registry registry;
  Known<prometheus::Counter> counters;
  Known<prometheus::Histogram> histograms;

  template <class T, class Make>
  T& find(Known<T>& known, Metric metric, Labels values, Make make) {
    const Row& its_row = row(metric);
    check(its_row, values);
    const std::lock_guard lock(mutex);
    T*& series = known[{metric, {values.begin(), values.end()}}];
    if (series == nullptr) series = &make(its_row, named(its_row, {values.begin(), values.end()}));
    return *series;
  }
};

Metrics::Metrics() : series_(std::make_unique<Series>()) {}

Metrics::~Metrics() = default;

void Metrics::count(Metric counter, Labels labels, double n) {
  const auto make = [this](const Row& row, const prometheus::Labels& l) -> prometheus::Counter& {
    return prometheus::BuildCounter()
        .Name(std::string(row.name))
        .Help(std::string(row.help))
        .Register(series_->registry)
        .Add(l);
  };
  series_->find(series_->counters, counter, labels, make).Increment(n);
}

void Metrics::observe(Metric histogram, double value, Labels labels) {
  const auto make = [this](const Row& row, const prometheus::Labels& l) -> prometheus::Histogram& {
    return prometheus::BuildHistogram()
        .Name(std::string(row.name))
        .Help(std::string(row.help))
        .Register(series_->registry)
        .Add(l, row.buckets);
  };
  series_->find(series_->histograms, histogram, labels, make).Observe(value);
}

void Metrics::ask(std::function<void(Figures&)> part) { parts_.push_back(std::move(part)); }

void Figures::set(Metric metric, double value, Labels labels) {
  check(row(metric), labels);
  all_[metric].push_back({{labels.begin(), labels.end()}, value});
}

std::string Metrics::exposition() const {
  Figures figures;
  for (const auto& part : parts_) part(figures);
  std::vector<prometheus::MetricFamily> families = series_->registry.Collect();
  for (const auto& [metric, values] : figures.all()) {
    families.push_back(family_of(row(metric), values));
  }
  std::ranges::sort(families, {}, &prometheus::MetricFamily::name);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace mecapy::metrics
