#include "main/node_logs.h"

#include <utility>

namespace mecapy::main {
namespace {

constexpr std::size_t kLongestLine = 64UL * 1024;  // longer ones are told in pieces

}  // namespace

void NodeLogs::hear(client::NodeNews news) {
  Writing& writing = writing_[news.node];
  if (writing.run_id != news.run_id || writing.attempt != news.attempt) end_line(news.node);
  writing.run_id = std::move(news.run_id);
  writing.attempt = news.attempt;
  writing.line += news.text;
  for (std::size_t end; (end = writing.line.find('\n')) != std::string::npos;) {
    tell_(news.node, writing.line.substr(0, end));
    writing.line.erase(0, end + 1);
  }
  if (writing.line.size() > kLongestLine) end_line(news.node);
}

void NodeLogs::end_line(const std::string& node) {
  const auto writing = writing_.find(node);
  if (writing == writing_.end() || writing->second.line.empty()) return;
  tell_(node, std::exchange(writing->second.line, ""));
}

}  // namespace mecapy::main
