#include "router/router.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "base/test_await.h"

namespace mecapy::router {
namespace {

using base::await;

class Somewhere final : public backends::Backend {
 public:
  Somewhere(int capacity, bool trouble) : capacity_(capacity), trouble(trouble) {}
  std::string_view name() const override { return "somewhere"; }
  int capacity() const override { return capacity_; }
  std::string environment() const override { return "3.11"; }
  bool in_trouble() const override { return trouble; }
  boost::asio::awaitable<model::RunEnd> execute(model::Job, backends::Observer&,
                                                backends::Cancellation&) override {
    co_return model::RunEnd();
  }
  boost::asio::awaitable<Result<model::Look>> check(std::string, base::Deadline) override {
    ++checks;
    if (trouble) co_return fail(ErrorCode::unavailable, "in trouble");
    co_return model::Look{.facts = {.results = {{"stress"}}}};
  }
  bool would_tell() const override { return tells; }
  boost::asio::awaitable<Result<std::string>> ready(base::Deadline) override {
    if (differs) co_return fail(ErrorCode::conflict, "it differs");
    if (trouble) co_return fail(ErrorCode::unavailable, "in trouble");
    co_return doubt;
  }

 private:
  int capacity_;

 public:
  bool trouble;
  bool tells = false;
  bool differs = false;
  std::string doubt{};  // whether it is there
  int checks = 0;
};

TEST(Router, ALookAtCode_GoesOnToABackendThatIsReached) {
  Somewhere full(1, false);
  Somewhere ill(1, true);
  Router router({&full, &ill});
  const Router::Place place = router.choose({});
  ASSERT_EQ(&place.backend(), &full);
  const auto look = await(router.check("", base::after(std::chrono::minutes(1))));
  ASSERT_TRUE(look);
  EXPECT_EQ(look->facts.results, std::vector<std::string>{"stress"});
  EXPECT_EQ(ill.checks, 1);
  EXPECT_EQ(full.checks, 1);
}

TEST(Router, Attempts_GoWhereTheSmallestShareIsTaken) {
  Somewhere small(2, false);
  Somewhere large(6, false);
  Router router({&small, &large});
  EXPECT_EQ(router.capacity(), 8);
  std::vector<std::unique_ptr<Router::Place>> places;
  int on_small = 0;
  for (int i = 0; i < 8; ++i) {
    places.emplace_back(new Router::Place(router.choose({})));
    on_small += &places.back()->backend() == &small ? 1 : 0;
    if (i == 3) EXPECT_EQ(on_small, 1);
  }
  EXPECT_EQ(on_small, 2);
}

TEST(Router, APlaceGivenBack_IsThereAgain) {
  Somewhere one(1, false);
  Somewhere two(1, false);
  Router router({&one, &two});
  const Router::Place first = router.choose({});
  EXPECT_EQ(&first.backend(), &one);
  {
    const Router::Place second = router.choose({});
    EXPECT_EQ(&second.backend(), &two);
  }
  const Router::Place third = router.choose({});
  EXPECT_EQ(&third.backend(), &two);
}

TEST(Router, AnotherAttempt_GoesToAnotherOfEqualOnes) {
  Somewhere one(1, false);
  Somewhere two(1, false);
  Router router({&one, &two});
  backends::Backend* const expected[] = {&one, &two, &one};
  for (int attempt = 1; attempt <= 3; ++attempt) {
    model::Job job;
    job.attempt = attempt;
    const Router::Place place = router.choose(job);
    EXPECT_EQ(&place.backend(), expected[attempt - 1]) << attempt;
  }
}

TEST(Router, OfEqualOnes_TheOneWhoseEnvironmentIsNotKnownIsFirst) {
  Somewhere one(1, false);
  Somewhere two(1, false);
  Router router({&one, &two});
  two.tells = true;
  const Router::Place first = router.choose({});
  EXPECT_EQ(&first.backend(), &two);
}

TEST(Router, TroubleComesLast_ButBeforeAFullOne) {
  Somewhere ill(4, true);
  Somewhere well(1, false);
  Router router({&ill, &well});
  EXPECT_TRUE(await(router.check("", base::after(std::chrono::minutes(1)))));
  EXPECT_EQ(well.checks, 1);
  EXPECT_EQ(ill.checks, 0);
  EXPECT_TRUE(await(router.ready(base::after(std::chrono::minutes(1)))));
  const Router::Place first = router.choose({});
  EXPECT_EQ(&first.backend(), &well);
  const Router::Place second = router.choose({});
  EXPECT_EQ(&second.backend(), &ill);
  well.trouble = true;
  EXPECT_EQ(await(router.ready(base::after(std::chrono::minutes(1)))).error().code,
            ErrorCode::unavailable);
}

TEST(Router, IsReady_AsTheBackendThatMostIsKnownOf) {
  Somewhere ill(1, true);
  Somewhere one(1, false);
  Somewhere other(1, false);
  Router router({&ill, &one, &other});
  const auto ready = [&] { return await(router.ready(base::after(std::chrono::minutes(1)))); };
  one.doubt = "nobody has called it yet";
  EXPECT_EQ(ready().value(), "");
  other.doubt = "nor this one";
  EXPECT_EQ(ready().value(), "nobody has called it yet");
  one.differs = true;
  EXPECT_EQ(ready().value(), "nor this one");
  other.differs = true;
  EXPECT_EQ(ready().error().code, ErrorCode::conflict);
}

}  // namespace
}  // namespace mecapy::router
