// Pages, newest first: one row more than asked for is read, to know whether there is a next page.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "store/store.h"

namespace mecapy::store {

// Rows to read for a page; a page has at least one.
inline int rows_to_read(const PageRequest& page) { return std::max(page.limit, 1) + 1; }

// Where the page starts: ids below this. '~' sorts after every id.
inline std::string page_start(const PageRequest& page) {
  return page.after.empty() ? "~" : page.after;
}

// The page out of the rows_to_read() rows that are there.
template <class T>
class PageOf {
 public:
  explicit PageOf(const PageRequest& request)
      : limit_(static_cast<std::size_t>(std::max(request.limit, 1))) {}

  // The next row, whose texts have so many bytes. make() is called when the page takes it.
  template <class Make>
  void add(std::size_t text_bytes, Make make) {
    if (full_) return;
    text_bytes_ += text_bytes;
    if (!page_.items.empty() && (page_.items.size() == limit_ || text_bytes_ > kPageTextBytes)) {
      full_ = true;
      page_.next = page_.items.back().id.str();
      return;
    }
    page_.items.push_back(make());
  }
  Page<T> finish() && { return std::move(page_); }

 private:
  std::size_t limit_;
  std::size_t text_bytes_ = 0;
  bool full_ = false;
  Page<T> page_;
};

}  // namespace mecapy::store
