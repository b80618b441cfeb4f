#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdio>
#include <utility>

namespace mecapy::base {
namespace {

constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                 spdlog::level::warn, spdlog::level::err};

// Beside the library's logger, which is the process's as well.
std::atomic<LogFormat>& format_in_use() {
  static std::atomic<LogFormat> format = LogFormat::text;
  return format;
}

}  // namespace

void start_log(LogOptions options) {
  format_in_use() = options.format;
  auto logger = std::make_shared<spdlog::logger>(std::move(options.role),
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%v");
  logger->set_level(kLevels[static_cast<std::size_t>(options.level)]);
  spdlog::set_default_logger(std::move(logger));
}

void set_log_role(std::string role) {
  spdlog::set_default_logger(spdlog::default_logger()->clone(std::move(role)));
}

LogFormat log_format() { return format_in_use(); }

LogLevel log_level_named(std::string_view name) {
  if (name == "debug") return LogLevel::debug;
  if (name == "warn") return LogLevel::warn;
  return name == "error" ? LogLevel::error : LogLevel::info;
}

void log(LogLevel level, std::string_view message, LogFields fields) {
  spdlog::logger* logger = spdlog::default_logger_raw();
  const auto its_level = kLevels[static_cast<std::size_t>(level)];
  if (!logger->should_log(its_level)) return;
  const LogHead head{SystemClock().now(), level, logger->name()};
  const std::string line = log_line(log_format(), head, message, fields);
  logger->log(its_level, spdlog::string_view_t(line.data(), line.size()));
}

void announce(std::string_view text, std::string_view message, LogFields fields) {
  std::string line(text);
  if (log_format() == LogFormat::json) {
    const LogHead head{SystemClock().now(), LogLevel::info, spdlog::default_logger_raw()->name()};
    line = log_line(LogFormat::json, head, message, fields);
  }
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

}  // namespace mecapy::base
