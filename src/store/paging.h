// Pages, newest first: one row more than asked for is read, to know whether there is a next page.
#pragma once

#include <algorithm>
#include <string>

#include "store/store.h"

namespace mecapy::store {

// Rows to read for a page; a page has at least one.
inline int rows_to_read(const PageRequest& page) { return std::max(page.limit, 1) + 1; }

// Where the page starts: ids below this. '~' sorts after every id.
inline std::string page_start(const PageRequest& page) {
  return page.after.empty() ? "~" : page.after;
}

// The page out of rows_to_read() items.
template <class T>
Page<T> make_page(std::vector<T> items, const PageRequest& request) {
  Page<T> page{std::move(items), ""};
  const auto size = static_cast<std::size_t>(std::max(request.limit, 1));
  if (page.items.size() > size) {
    page.items.resize(size);
    page.next = page.items.back().id.str();
  }
  return page;
}

}  // namespace mecapy::store
