// What a definition itself says of the values in it: where a source has one of its own, a constant
// or the default of what it names, that is what a run sees when nobody gives it another.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/workflow.h"

namespace mecapy::workflow {

class KnownValues {
 public:
  explicit KnownValues(const model::Workflow& definition);

  struct Value {
    enum class Is : std::uint8_t { unknown, missing, there };
    Is is = Is::unknown;
    std::string whose{};                        // "the default of input torque"; "" of a constant
    std::string_view json{};                    // where it is there
    std::shared_ptr<const std::string> held{};  // what `json` is of, when it stands so nowhere else
  };
  // missing: the default has no such place. Of a node with for_each it is the value in the place of
  // an element's result. Of very large defaults that are pointed into again and again nothing is
  // known in the end.
  Value of(const model::Source& source);

 private:
  Value in(const std::string& json, const std::string& at, std::string whose);

  std::unordered_map<std::string_view, const model::WorkflowInput*> inputs_{};
  std::unordered_map<std::string_view, const model::WorkflowNode*> nodes_{};
  std::size_t left_;  // bytes that may still be gone through
};

}  // namespace mecapy::workflow
