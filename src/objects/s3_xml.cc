#include "objects/s3_xml.h"

#include <ctime>
#include <pugixml.hpp>
#include <sstream>

namespace mecapy::objects {
namespace {

bool load(pugi::xml_document& document, std::string_view xml) {
  return document.load_buffer(xml.data(), xml.size()).status == pugi::status_ok;
}

Error no_xml() {
  return fail(ErrorCode::storage, "the object store answered what is no XML of S3");
}

// "2026-11-26T02:16:50.123Z"
base::TimePoint parse_time(const char* text) {
  std::tm utc{};
  const char* rest = ::strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
  if (rest == nullptr) return {};
  return base::TimePoint(std::chrono::seconds(::timegm(&utc)));
}

}  // namespace

std::string s3_error_code(std::string_view xml) {
  pugi::xml_document document;
  if (!load(document, xml)) return "";
  return document.child("Error").child_value("Code");
}

Result<S3Page> parse_s3_page(std::string_view xml, std::string_view prefix) {
  pugi::xml_document document;
  if (!load(document, xml)) return no_xml();
  const pugi::xml_node root = document.child("ListBucketResult");
  if (!root) return no_xml();
  S3Page page;
  for (const pugi::xml_node object : root.children("Contents")) {
    std::string_view key = object.child_value("Key");
    if (!key.starts_with(prefix)) continue;
    key.remove_prefix(prefix.size());
    page.objects.push_back({std::string(key), parse_time(object.child_value("LastModified"))});
  }
  page.next = root.child_value("NextContinuationToken");
  return page;
}

Result<std::string> parse_upload_id(std::string_view xml) {
  pugi::xml_document document;
  if (!load(document, xml)) return no_xml();
  std::string id = document.child("InitiateMultipartUploadResult").child_value("UploadId");
  if (id.empty()) return no_xml();
  return id;
}

std::string completion_xml(const std::vector<std::string>& etags) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("CompleteMultipartUpload");
  for (std::size_t i = 0; i < etags.size(); ++i) {
    pugi::xml_node part = root.append_child("Part");
    part.append_child("PartNumber").text().set(static_cast<unsigned>(i + 1));
    part.append_child("ETag").text().set(etags[i].c_str());
  }
  std::ostringstream out;
  document.save(out, "", pugi::format_raw | pugi::format_no_declaration);
  return out.str();
}

}  // namespace mecapy::objects
