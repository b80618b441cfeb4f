// Databases that an earlier program left, with rows.
#include "store/migrations.h"
#include "store/store_contract.h"

namespace mecapy::store {
namespace {

std::vector<std::string> back_to_1() {
  std::vector<std::string> all = back_to_3();
  for (const char* statement :
       {"DROP INDEX runs_that_answer", "ALTER TABLE tasks DROP COLUMN cache_ttl_s",
        "ALTER TABLE runs DROP COLUMN environment", "ALTER TABLE runs DROP COLUMN cache_key",
        "ALTER TABLE runs DROP COLUMN cached_from", "ALTER TABLE runs DROP COLUMN written_bytes",
        "DELETE FROM schema_migrations WHERE number > 1"}) {
    all.emplace_back(statement);
  }
  return all;
}

TEST_P(StoreContract, RowsOfTheFirstSchema_AreThereInTheNewest) {
  const model::Task task = create(task_of("ann"));
  const model::Run waiting = submit(task);
  model::RunEnd end = completed("[1]");
  end.usage.wall_us = 7;
  end.environment = "named";
  const model::Run ended = ended_run("", end);
  store_ = reopen_(back_to_1());

  const auto kept = await(store_->get_task("ann", task.id, std::nullopt));
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(kept->version.code, task.version.code);
  EXPECT_FALSE(kept->cache_ttl_s);
  const model::Run run = get(ended.id);
  EXPECT_EQ(run.status, model::RunStatus::completed);
  EXPECT_EQ(run.end.result.inline_bytes, "[1]");
  EXPECT_EQ(run.end.usage.wall_us, 7);
  EXPECT_EQ(run.end.usage.written_bytes, -1);  // nobody measured it
  EXPECT_EQ(run.end.environment, "");
  // And it goes on.
  EXPECT_EQ(claim(waiting.id).attempt, 1);
  EXPECT_TRUE(*await(store_->record_end({waiting.id, 1}, completed("2"))));
  EXPECT_EQ(await(store_->shared_secret())->size(), 64U);
}

TEST_P(StoreContract, ARunAnsweredBeforeAnswersWereShared_ShowsItsOwn) {
  const std::string answered = answer_one(*store_).answered.str();
  std::vector<std::string> statements = back_to_3();
  statements.push_back("UPDATE runs SET result = '7', log = 'own' WHERE id = '" + answered + "'");
  statements.push_back("INSERT INTO artifacts VALUES ('" + answered +
                       "', 0, 'own', 1, 't', '', 'k')");
  store_ = reopen_(statements);
  const model::Run run = get(*model::RunId::parse(answered));
  EXPECT_EQ(run.end.result.inline_bytes, "7");
  EXPECT_EQ(run.end.log.inline_bytes, "own");
  ASSERT_EQ(run.end.artifacts.size(), 1U);
  EXPECT_EQ(run.end.artifacts[0].name, "own");
}

}  // namespace
}  // namespace mecapy::store
