#include "main/documents.h"

#include "api/site.h"
#include "main/process.h"

namespace mecapy::main {

Result<base::Fd> open_documents(const config::Settings& settings) {
  const std::string& said = settings.server_docs;
  base::Fd folder = api::Site::open_folder(said.empty() ? program_folder() + "/site" : said);
  if (!folder && !said.empty()) {
    return fail(ErrorCode::usage,
                "server.docs: there is no index.html in " + said + "; make docs builds the site");
  }
  return folder;
}

}  // namespace mecapy::main
