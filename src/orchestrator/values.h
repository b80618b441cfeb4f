// What a source of a workflow is worth in one run of it: the bytes that stand where it points to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/workflow.h"
#include "model/workflow_run.h"
#include "orchestrator/held.h"
#include "orchestrator/parts.h"
#include "wire/json.h"

namespace mecapy::orchestrator {

// The bytes of all values that one run is given, or a workflow results in.
inline constexpr std::size_t kMostBytes = 32UL << 20;
// What is kept of them, so as not to be read for each element of a list again.
inline constexpr std::size_t kMostKept = 4UL << 20;
// Elements of one list.
inline constexpr std::size_t kMostElements = 100'000;

// A list, cut into its items. Of a long one only a piece is here: all of it is an object.
struct List {
  struct Place {
    std::uint32_t begin;
    std::uint32_t size;
  };
  std::vector<Place> items{};
  std::string key{};   // of the object; "" when all of it is here
  std::string text{};  // of the list, from `from` on
  std::uint32_t from = 0;
};

// invalid_fields for what is not there or of another kind, too_large beyond kMostBytes; all else
// may pass. `definition` and `run` outlive it, and it sees what becomes of the run. What it has
// read it keeps as long as `held` has room: of nodes that are completed up to kMostKept.
class Values {
 public:
  Values(const Parts& parts, const model::Workflow& definition, const model::WorkflowRun& run,
         std::shared_ptr<Held> held)
      : parts_(parts),
        definition_(definition),
        run_(run),
        state_(&run.state),
        holding_(std::move(held)) {}
  // How far the nodes are: as in `state` from now on, which is there until another one is.
  void see(const model::WorkflowState& state) { state_ = &state; }
  // The result of a node that is no list, whose run has just ended; until forget_results().
  void learn(std::size_t node, model::Payload result) { learned_[node] = std::move(result); }
  void forget_results() { learned_.clear(); }

  // `element` is that of the node, where it is of a list.
  awaitable<Result<std::string>> of(const model::Source& source,
                                    std::optional<std::string_view> element = {});
  awaitable<Result<bool>> truth(const model::Source& source);
  awaitable<Result<std::shared_ptr<List>>> list(const model::Source& source);
  // One of its items, as it stands in it.
  awaitable<Result<std::string>> item(List& list, std::size_t element);
  // An object of them.
  awaitable<Result<std::string>> object(const model::NamedSources& sources);
  // What calculate receives: these over the members of `defaults`.
  awaitable<Result<std::string>> inputs(const model::WorkflowNode& node, std::string_view defaults,
                                        std::optional<std::string_view> element);
  // Of the lists only those of these sources are asked for from now on.
  awaitable<void> keep_lists(const std::vector<const model::Source*>& sources);
  // More was read than there is room for: the step is to end, and the next to go on.
  bool beyond() const { return holding_.beyond(); }
  // A step is done: what is read for the next one is read again where there was no room for it.
  void settle();

 private:
  awaitable<Result<std::string>> text_of(model::Payload payload);
  // The value at `at`; `whose` it is not when there is none.
  awaitable<Result<std::string>> pick(std::string_view json, const std::string& at,
                                      std::string whose);
  std::size_t place_of(const std::string& name) const;  // of a node
  awaitable<Result<std::string>> once(const model::Source& source);
  awaitable<Result<std::shared_ptr<List>>> cut(std::string text);
  awaitable<Result<void>> put_away(List& list, const std::string& name);
  // The value for the key, which is found by `find` when it is not known.
  template <class Find>
  awaitable<Result<std::string>> known(std::pair<std::size_t, std::string> key, Find find);
  awaitable<Result<void>> read_inputs();
  awaitable<Result<std::string>> from_input(const model::FromInput& from);
  awaitable<Result<std::string>> find_input(const model::FromInput& from);
  awaitable<Result<std::string>> from_node(const model::FromNode& from);
  awaitable<Result<std::string>> find_result(std::size_t place, const std::string& at);
  awaitable<Result<std::string>> one_result(std::size_t place, const std::string& at);
  awaitable<Result<std::string>> results(std::size_t place, const std::string& at);
  struct Gathering;
  awaitable<Result<void>> add(Gathering& all, const std::string& text);
  awaitable<Result<void>> add_missing(Gathering& all, std::size_t end);
  awaitable<Result<void>> add_run(Gathering& all, store::ElementRun one);

  const Parts& parts_;
  const model::Workflow& definition_;
  const model::WorkflowRun& run_;
  const model::WorkflowState* state_;
  Holding holding_;
  std::map<std::size_t, model::Payload> learned_{};
  std::optional<std::string> inputs_{};
  std::vector<wire::Member> input_members_{};  // of inputs_
  // By node and pointer; of inputs by kInputs, name and pointer.
  std::map<std::pair<std::size_t, std::string>, std::string> known_{};
  std::size_t known_bytes_ = 0;
  std::map<std::string, std::shared_ptr<List>> lists_{};  // by list_key()
};

}  // namespace mecapy::orchestrator
