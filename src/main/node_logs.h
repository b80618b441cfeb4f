// What the runs of a workflow's nodes write, a line at a time: several write at once.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "client/workflow_answers.h"

namespace mecapy::main {

class NodeLogs {
 public:
  // `tell` is given a node and a line of its log, without its end.
  explicit NodeLogs(std::function<void(const std::string& node, const std::string& line)> tell)
      : tell_(std::move(tell)) {}

  // Tells the lines that are whole now. What a later run of the node writes, or a later attempt,
  // begins a line.
  void hear(client::NodeNews news);
  // The node writes no more for now: tells what there is of a line.
  void end_line(const std::string& node);

 private:
  struct Writing {
    std::string run_id{};
    int attempt = 0;
    std::string line{};
  };

  std::function<void(const std::string& node, const std::string& line)> tell_;
  std::map<std::string, Writing> writing_;
};

}  // namespace mecapy::main
