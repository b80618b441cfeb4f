#include "orchestrator/room.h"

namespace mecapy::orchestrator {

using std::chrono::steady_clock;

Room::Room(std::shared_ptr<Shares> shares, std::string user, std::function<void()> granted)
    : shares_(std::move(shares)), user_(std::move(user)), on_granted_(std::move(granted)) {
  shares_->enter(user_);
}

Room::~Room() {
  waiter_.reset();
  shares_->give_back(user_, counted_ + granted_);
  shares_->leave(user_);
}

void Room::take() {
  if (elsewhere_ >= kMostElsewhere) return;
  granted_ += shares_->take(user_, counted_ + granted_);
}

void Room::give_back() { shares_->give_back(user_, std::exchange(granted_, 0)); }

void Room::wait() {
  if (waiter_ || counted_ > 0 || elsewhere_ >= kMostElsewhere) return;
  waiter_ = std::make_shared<Shares::Waiter>();
  waiter_->granted = [this] {
    ++granted_;
    waiter_.reset();
    on_granted_();
  };
  shares_->wait(user_, waiter_);
}

Room::Begun Room::begun(const model::Run& run) {
  const Begun one{run.backend != model::kDedicated, steady_clock::now()};
  if (!one.counts) {
    ++elsewhere_;
    return one;
  }
  ++counted_;
  if (granted_ > 0) {
    --granted_;
  } else {
    shares_->hold(user_, 1);
  }
  return one;
}

void Room::ended(const Begun& run) {
  if (!run.counts) {
    --elsewhere_;
    return;
  }
  shares_->note(user_, steady_clock::now() - run.since);
  --counted_;
  shares_->give_back(user_, 1);
}

}  // namespace mecapy::orchestrator
