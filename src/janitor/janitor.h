// Removes what nobody will ask for again: objects of attempts that were never recorded.
//
// An attempt puts its result, log and artifacts into the object store before its end is recorded;
// when it is lost, cancelled or overtaken by a later one, they stay and no run refers to them. So
// do checkpoints whose run has ended without anybody of ours hearing it. The same goes for the
// inputs of a run whose row could not be written.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>

#include "base/clock.h"
#include "base/result.h"
#include "objects/objects.h"
#include "store/store.h"

namespace mecapy::janitor {

using boost::asio::awaitable;

// Objects younger than this are left alone: far longer than from the writing of an object to the
// writing of the row that refers to it.
inline constexpr std::chrono::hours kSafeAge{24};

// Looks at every object written before `before` and removes those of unknown runs and those an
// ended run does not refer to. Objects of queued and running runs stay, and so does what is not
// named after a run. Goes in small batches: neither memory nor anyone's wait grows with the number
// of objects. One that cannot be removed is counted and left; a failing listing or store ends it.
struct Swept {
  int removed = 0;
  int stuck = 0;
};
awaitable<Result<Swept>> remove_orphans(store::Store& store, objects::ObjectStore& objects,
                                        base::TimePoint before);

}  // namespace mecapy::janitor
