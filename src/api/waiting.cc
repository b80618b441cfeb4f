#include "api/waiting.h"

namespace mecapy::api {

awaitable<Result<model::Run>> wait_for_end(Api& api, Call& call, model::Run run,
                                           feed::Channel& channel, std::chrono::milliseconds wait) {
  const auto ended = [](const model::Run& one) { return model::is_end(one.status); };
  const auto read = [&api, user = run.user, id = run.id] {
    return Routes::parts(api).store.get_run(user, id);
  };
  co_return co_await wait_for(call, std::move(run), channel, wait, ended, read);
}

}  // namespace mecapy::api
