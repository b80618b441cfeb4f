#include "metrics/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <stdexcept>
#include <thread>

#include "metrics/process.h"

namespace mecapy::metrics {
namespace {

// Whether the exposition has exactly this line.
bool has_line(const Metrics& metrics, const std::string& line) {
  return ("\n" + metrics.exposition()).find("\n" + line + "\n") != std::string::npos;
}

TEST(Table, NamesFollowTheConventionsOfPrometheus) {
  std::set<std::string_view> names;
  const std::regex form("(mecapy|process)(_[a-z]+)+");
  for (const Row& row : table()) {
    const std::string name(row.name);
    EXPECT_EQ(&row, &mecapy::metrics::row(row.metric)) << name << " is out of the enum's order";
    EXPECT_TRUE(names.insert(row.name).second) << name;
    EXPECT_TRUE(std::regex_match(name, form)) << name;
    EXPECT_EQ(name.ends_with("_total"), row.kind == Kind::counter) << name;
    EXPECT_EQ(row.buckets.empty(), row.kind != Kind::histogram) << name;
    EXPECT_TRUE(row.kind != Kind::histogram || name.ends_with("_seconds")) << name;
    EXPECT_TRUE(std::ranges::is_sorted(row.buckets)) << name;
    EXPECT_FALSE(row.help.empty()) << name;
    EXPECT_NE(row.help.back(), '.') << name;
    for (const std::string_view label : row.labels) EXPECT_NE(label, "le") << name;
  }
}

TEST(Metrics, ACounterAddsUpByItsLabels) {
  Metrics metrics;
  metrics.count(Metric::attempts, {"local", "recorded"});
  metrics.count(Metric::attempts, {"local", "recorded"}, 2);
  metrics.count(Metric::attempts, {"local", "lost"}, 0);
  EXPECT_TRUE(has_line(metrics, R"(mecapy_attempts_total{backend="local",became="recorded"} 3)"));
  EXPECT_TRUE(has_line(metrics, R"(mecapy_attempts_total{backend="local",became="lost"} 0)"));
  EXPECT_TRUE(has_line(metrics, "# TYPE mecapy_attempts_total counter"));
}

TEST(Metrics, AHistogramCountsInTheBucketsOfItsRow) {
  Metrics metrics;
  metrics.observe(Metric::run_stage_seconds, 0.0007, {"total"});
  metrics.observe(Metric::run_stage_seconds, 100'000, {"total"});
  const std::string series = R"(mecapy_run_stage_seconds_bucket{stage="total",le=)";
  EXPECT_TRUE(has_line(metrics, series + R"("0.0005"} 0)"));
  EXPECT_TRUE(has_line(metrics, series + R"("0.001"} 1)"));
  EXPECT_TRUE(has_line(metrics, series + R"("+Inf"} 2)"));
  EXPECT_TRUE(has_line(metrics, R"(mecapy_run_stage_seconds_count{stage="total"} 2)"));
}

TEST(Metrics, FiguresAreAskedForAtEachScrape) {
  Metrics metrics;
  int asked = 0;
  metrics.ask([&](Figures& figures) {
    figures.set(Metric::queue_depth, ++asked);
    figures.set(Metric::objects_requests, 7);
  });
  EXPECT_EQ(asked, 0);
  EXPECT_TRUE(has_line(metrics, "mecapy_queue_depth 1"));
  EXPECT_TRUE(has_line(metrics, "mecapy_queue_depth 2"));
  EXPECT_TRUE(has_line(metrics, "# TYPE mecapy_objects_requests_total counter"));
}

TEST(Metrics, ALabelIsEscaped) {
  Metrics metrics;
  metrics.count(Metric::cache_requests, {"a\"b\\c\nd", "hit"});
  EXPECT_TRUE(
      has_line(metrics, R"(mecapy_cache_requests_total{cache="a\"b\\c\nd",result="hit"} 1)"));
}

TEST(Metrics, LabelsThatDoNotFitTheRowAreADefect) {
  Metrics metrics;
  EXPECT_THROW(metrics.count(Metric::attempts, {"local"}), std::logic_error);
  EXPECT_THROW(metrics.observe(Metric::run_stage_seconds, 1), std::logic_error);
  Figures figures;
  EXPECT_THROW(figures.set(Metric::queue_depth, 1, {"x"}), std::logic_error);
}

TEST(Metrics, ThreadsMayTellAtOnce) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5'000; ++i) metrics.count(Metric::cache_requests, {"code", "hit"});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(has_line(metrics, R"(mecapy_cache_requests_total{cache="code",result="hit"} 20000)"));
}

TEST(Process, KnowsItself) {
  Figures figures;
  process_figures(figures);
  const auto value = [&](Metric metric) { return figures.all().at(metric).at(0).value; };
  EXPECT_GT(value(Metric::process_resident_memory), 1 << 20);
  EXPECT_GT(value(Metric::process_virtual_memory), value(Metric::process_resident_memory));
  EXPECT_GE(value(Metric::process_open_fds), 3);
  EXPECT_GT(value(Metric::process_max_fds), value(Metric::process_open_fds));
  const auto now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch());
  EXPECT_NEAR(value(Metric::process_start_time), now.count(), 600);
}

}  // namespace
}  // namespace mecapy::metrics
