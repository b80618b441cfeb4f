// The lists of the API, which come page by page.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "client/answers.h"
#include "client/api.h"

namespace mecapy::client {

using Query = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::int64_t kLargestPage = 200;  // items

// The page that `cursor` is of ("": the first), with `size` items at most.
awaitable<Result<Page>> get_page(Api& api, std::string path, Query query, std::int64_t size,
                                 std::string cursor);

// The items of a list, as the server sent each, newest first: page after page until there are
// `most` of them; 0: all.
awaitable<Result<std::vector<std::string>>> list(Api& api, std::string path, Query query,
                                                 std::int64_t most);

// Each item as a value; the first error when one is none.
template <class Answer>
Result<std::vector<Answer>> read_each(const std::vector<std::string>& items,
                                      Result<Answer> (*read)(const std::string&)) {
  std::vector<Answer> answers;
  for (const std::string& item : items) {
    auto answer = read(item);
    if (!answer) return answer.error();
    answers.push_back(std::move(*answer));
  }
  return answers;
}

}  // namespace mecapy::client
