// The XML that S3 answers and takes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "objects/s3_client.h"

namespace mecapy::objects {

// <Error><Code>: "NoSuchKey"; "" for bytes that are none.
std::string s3_error_code(std::string_view xml);
// A page of a listing, its keys without `prefix`. storage for bytes that are none.
Result<S3Page> parse_s3_page(std::string_view xml, std::string_view prefix);
// <UploadId>; storage when there is none.
Result<std::string> parse_upload_id(std::string_view xml);
std::string completion_xml(const std::vector<std::string>& etags);

}  // namespace mecapy::objects
