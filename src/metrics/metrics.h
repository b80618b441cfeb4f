// What is counted and measured, for Prometheus. Only this room sees its library.
//
// Counters and histograms are told as things happen; figures that a part has anyway are asked for
// at each scrape, which so costs the other parts nothing between scrapes.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/table.h"

namespace mecapy::metrics {

// The values of a row's labels, in its order.
using Labels = std::initializer_list<std::string_view>;

// The figures of one scrape.
class Figures {
 public:
  // Of a gauge; or of a counter that a part keeps itself.
  void set(Metric metric, double value, Labels labels = {});

  struct Figure {
    std::vector<std::string> labels;
    double value = 0;
  };
  const std::map<Metric, std::vector<Figure>>& all() const { return all_; }

 private:
  std::map<Metric, std::vector<Figure>> all_;
};

// Thread-safe but for ask(), which comes before the first scrape. Labels that are not as many as
// the row's are a defect: std::logic_error.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  // One more, or `n` more: 0 makes the series known before anything has happened.
  void count(Metric counter, Labels labels = {}, double n = 1);
  void observe(Metric histogram, double value, Labels labels = {});

  // `part` gives its figures at every scrape, on the thread that scrapes. It must not wait.
  void ask(std::function<void(Figures&)> part);

  // The exposition format of Prometheus, version 0.0.4.
  std::string exposition() const;

 private:
  struct Series;
  std::unique_ptr<Series> series_;
  std::vector<std::function<void(Figures&)>> parts_;
};

}  // namespace mecapy::metrics
