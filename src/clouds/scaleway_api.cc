#include "clouds/scaleway_api.h"

#include <algorithm>
#include <charconv>

namespace mecapy::clouds {
namespace {

namespace json = boost::json;

constexpr int kPage = 100;        // the most that a page may have
constexpr int kMostPages = 1000;  // of a list; it may be lying
constexpr std::chrono::hours kImageIsGood{1};

bool says_quota(const std::string& message) {
  return message.find("uota") != std::string::npos && message.find("xceeded") != std::string::npos;
}

// What is wrong with which argument, or what is missing of which right.
std::string details_of(const json::value& body) {
  std::string words;
  for (const json::value& one : array_at(body, {"details"})) {
    for (const std::string_view name :
         {"argument_name", "reason", "help_message", "action", "resource"}) {
      const std::string text = text_at(one, {name});
      if (!text.empty()) words += (words.empty() ? "" : " ") + text;
    }
  }
  if (const auto* fields = value_at(body, {"fields"}).if_object(); fields != nullptr) {
    words += (words.empty() ? "" : " ") + json::serialize(*fields);
  }
  return words;
}

Judged judge(int status, const json::value& body) {
  const std::string type = text_at(body, {"type"});
  const std::string message = text_at(body, {"message"});
  Judged judged{Trouble::refused, type};
  for (const std::string& more : {message, text_at(body, {"help_message"}),
                                  text_at(body, {"current_state"}), details_of(body)}) {
    if (!more.empty()) judged.words += (judged.words.empty() ? "" : ": ") + more;
  }
  if (type == "out_of_stock") {
    judged.trouble = Trouble::out_of_stock;
  } else if (type == "quotas_exceeded" || (status == 403 && says_quota(message))) {
    judged.trouble = Trouble::quota;
  } else if (type == "transient_state" || (status == 409 && type != "locked")) {
    judged.trouble = Trouble::passing;
  }
  return judged;
}

CallOptions call_options(const ScalewayOptions& options) {
  CallOptions calls = options.calls;
  calls.cloud = "Scaleway";
  calls.secrets.push_back(options.secret_key);
  return calls;
}

Tags tags_of(const json::value& value) {
  Tags tags;
  for (const json::value& tag : array_at(value, {"tags"})) {
    if (const json::string* text = tag.if_string()) tags.emplace_back(*text);
  }
  return tags;
}

// Those of a server that do not go with it: not the disks of its host.
Tags volumes_of(const json::value& server) {
  Tags ids;
  const json::object* volumes = value_at(server, {"volumes"}).if_object();
  if (volumes == nullptr) return ids;
  for (const auto& [place, volume] : *volumes) {
    const std::string type = text_at(volume, {"volume_type"});
    std::string id = id_at(volume, {"id"});
    if (type != "l_ssd" && type != "scratch" && !id.empty()) ids.push_back(std::move(id));
  }
  return ids;
}

// How many a list has on all its pages; -1 when it does not say.
std::int64_t total_of(const Reply& reply) {
  std::int64_t total = -1;
  if (const auto header = net::find_header(reply.headers, "x-total-count")) {
    std::from_chars(header->data(), header->data() + header->size(), total);
  } else if (const auto* count = value_at(reply.body, {"total_count"}).if_int64()) {
    total = *count;
  }
  return total;
}

template <class T>
Answer<T> refused(const Called& called) {
  return std::get<Refused>(called).refusal;
}

}  // namespace

struct ScalewayApi::Listing {
  const char* name;      // in the address and of the list
  const char* one;       // around a single one; "": nothing is
  const char* state;     // where its state is told
  const char* made;      // where its time is told
  const char* project;   // how the filter by project is called
  const char* per_page;  // how the size of a page is called
  std::string (ScalewayApi::*base)(const std::string& zone) const;

  static const Listing& servers() {
    static const Listing row{"servers",
                             "server",
                             "state",
                             "creation_date",
                             "project",
                             "per_page",
                             &ScalewayApi::instance};
    return row;
  }
  static const Listing& addresses() {
    static const Listing row{
        "ips", "ip", "state", "", "project", "per_page", &ScalewayApi::instance};
    return row;
  }
  static const Listing& volumes() {
    static const Listing row{"volumes",    "",          "status",           "created_at",
                             "project_id", "page_size", &ScalewayApi::block};
    return row;
  }
  ScalewayPart read(const json::value& value, const std::string& zone) const {
    ScalewayPart part;
    part.id = id_at(value, {"id"});
    part.zone = zone;
    part.state = text_at(value, {state});
    part.detail = text_at(value, {"state_detail"});
    part.tags = tags_of(value);
    part.made = parse_time(text_at(value, {made}));
    part.volumes = volumes_of(value);
    return part;
  }
};

ScalewayApi::ScalewayApi(const ScalewayOptions& options)
    : options_(options), calls_(call_options(options), judge) {}

std::string ScalewayApi::instance(const std::string& zone) const {
  return options_.api_url + "/instance/v1/zones/" + zone;
}
std::string ScalewayApi::block(const std::string& zone) const {
  return options_.api_url + "/block/v1/zones/" + zone;
}

awaitable<Called> ScalewayApi::call(CloudRequest request, base::Deadline deadline) {
  request.headers.emplace_back("X-Auth-Token", options_.secret_key);
  co_return co_await calls_.call(std::move(request), deadline);
}

awaitable<Answer<std::string>> ScalewayApi::image(std::string zone, std::string label,
                                                  std::string type, base::Deadline deadline) {
  const std::string key = zone + "/" + label + "/" + type;
  if (const auto it = images_.find(key);
      it != images_.end() && std::chrono::steady_clock::now() < it->second.until) {
    co_return it->second.id;
  }
  CloudRequest request;
  request.what = "an image is looked up in " + zone;
  request.url = options_.api_url +
                "/marketplace/v2/local-images?image_label=" + percent_encoded(label) +
                "&zone=" + zone + "&type=instance_sbs";
  Called called = co_await call(request, deadline);
  const Reply* reply = std::get_if<Reply>(&called);
  if (reply == nullptr) co_return refused<std::string>(called);
  for (const json::value& one : array_at(reply->body, {"local_images"})) {
    const std::string id = id_at(one, {"id"});
    const json::array& types = array_at(one, {"compatible_commercial_types"});
    if (id.empty() || std::ranges::find(types, json::value(type)) == types.end()) continue;
    images_[key] = {id, base::after(kImageIsGood)};
    co_return id;
  }
  co_return calls_.refusal(Trouble::refused, request.what,
                           "there is none called " + label + " for " + type);
}

awaitable<Answer<ScalewayPart>> ScalewayApi::create_server(std::string zone, Create create,
                                                           base::Deadline deadline) {
  CloudRequest request{"a server is made in " + zone, Repeat::never, "POST",
                       instance(zone) + "/servers"};
  // No address but the reserved one, which carries our tags and can be found again.
  request.body =
      json::serialize(json::object{{"name", create.name},
                                   {"commercial_type", create.type},
                                   {"image", create.image},
                                   {"dynamic_ip_required", false},
                                   {"public_ips", json::array{create.address}},
                                   {"volumes", {{"0", {{"boot", false}}}}},
                                   {"boot_type", "local"},
                                   {"project", options_.project},
                                   {"tags", json::array(create.tags.begin(), create.tags.end())}});
  const std::string what = request.what;
  Called called = co_await call(std::move(request), deadline);
  const Reply* reply = std::get_if<Reply>(&called);
  if (reply == nullptr) co_return refused<ScalewayPart>(called);
  if (!reply->found()) co_return calls_.refusal(Trouble::refused, what, "404");
  ScalewayPart part = Listing::servers().read(value_at(reply->body, {"server"}), zone);
  if (part.id.empty()) co_return calls_.refusal(Trouble::unknown, what, "an answer without an id");
  co_return part;
}

awaitable<Answer<ScalewayPart>> ScalewayApi::create_address(std::string zone, Tags tags,
                                                            base::Deadline deadline) {
  CloudRequest request{"an address is reserved in " + zone, Repeat::never, "POST",
                       instance(zone) + "/ips"};
  request.body = json::serialize(json::object{{"project", options_.project},
                                              {"tags", json::array(tags.begin(), tags.end())},
                                              {"type", "routed_ipv4"}});
  const std::string what = request.what;
  Called called = co_await call(std::move(request), deadline);
  const Reply* reply = std::get_if<Reply>(&called);
  if (reply == nullptr) co_return refused<ScalewayPart>(called);
  if (!reply->found()) co_return calls_.refusal(Trouble::refused, what, "404");
  ScalewayPart part = Listing::addresses().read(value_at(reply->body, {"ip"}), zone);
  if (part.id.empty()) co_return calls_.refusal(Trouble::unknown, what, "an answer without an id");
  co_return part;
}

awaitable<Answer<bool>> ScalewayApi::tag_volume(std::string zone, std::string id, Tags tags,
                                                base::Deadline deadline) {
  CloudRequest request{"a volume is tagged in " + zone, Repeat::may, "PATCH",
                       block(zone) + "/volumes/" + id};
  request.body = json::serialize(json::object{{"tags", json::array(tags.begin(), tags.end())}});
  Called called = co_await call(std::move(request), deadline);
  const Reply* reply = std::get_if<Reply>(&called);
  if (reply == nullptr) co_return refused<bool>(called);
  co_return reply->found();
}

awaitable<Answer<Done>> ScalewayApi::set_cloud_init(std::string zone, std::string server,
                                                    std::string text, base::Deadline deadline) {
  CloudRequest request{"cloud-init is set in " + zone, Repeat::may, "PATCH",
                       instance(zone) + "/servers/" + server + "/user_data/cloud-init"};
  request.content_type = "text/plain";
  request.body = std::move(text);
  const std::string what = request.what;
  Called called = co_await call(std::move(request), deadline);
  const Reply* reply = std::get_if<Reply>(&called);
  if (reply == nullptr) co_return refused<Done>(called);
  if (!reply->found()) co_return calls_.refusal(Trouble::passing, what, "the server is not there");
  co_return Done{};
}

awaitable<Called> ScalewayApi::act(std::string zone, std::string server, std::string action,
                                   base::Deadline deadline) {
  // Switched on twice, a server that runs by now is a mistake of ours.
  const Repeat repeat = action == "poweron" ? Repeat::never : Repeat::may;
  CloudRequest request{action + " in " + zone, repeat, "POST",
                       instance(zone) + "/servers/" + server + "/action"};
  request.body = json::serialize(json::object{{"action", action}});
  co_return co_await call(std::move(request), deadline);
}

awaitable<Called> ScalewayApi::delete_server(std::string zone, std::string id,
                                             base::Deadline deadline) {
  co_return co_await call(
      {"a server is deleted in " + zone, Repeat::may, "DELETE", instance(zone) + "/servers/" + id},
      deadline);
}

awaitable<Called> ScalewayApi::delete_volume(std::string zone, std::string id,
                                             base::Deadline deadline) {
  co_return co_await call(
      {"a volume is deleted in " + zone, Repeat::may, "DELETE", block(zone) + "/volumes/" + id},
      deadline);
}

awaitable<Called> ScalewayApi::delete_address(std::string zone, std::string id,
                                              base::Deadline deadline) {
  co_return co_await call(
      {"an address is given back in " + zone, Repeat::may, "DELETE", instance(zone) + "/ips/" + id},
      deadline);
}

awaitable<Answer<ScalewayApi::Found>> ScalewayApi::get(const Listing& listing, std::string zone,
                                                       std::string id, base::Deadline deadline) {
  CloudRequest request;
  request.what = std::string(listing.name) + " are looked at in " + zone;
  request.url = (this->*listing.base)(zone) + "/" + listing.name + "/" + id;
  const std::string what = request.what;
  Called called = co_await call(std::move(request), deadline);
  const Reply* reply = std::get_if<Reply>(&called);
  if (reply == nullptr) co_return refused<Found>(called);
  if (!reply->found()) co_return Found();
  const std::string_view one = listing.one;
  ScalewayPart part = listing.read(one.empty() ? reply->body : value_at(reply->body, {one}), zone);
  if (part.id != id) co_return calls_.refusal(Trouble::passing, what, "an answer about another");
  co_return Found(std::move(part));
}

awaitable<Answer<ScalewayApi::Parts>> ScalewayApi::list(const Listing& listing, std::string zone,
                                                        std::string tag, base::Deadline deadline) {
  const std::string what = std::string(listing.name) + " are listed in " + zone;
  Parts parts;
  for (int page = 1; page <= kMostPages; ++page) {
    CloudRequest request;
    request.what = what;
    request.url = (this->*listing.base)(zone) + "/" + listing.name +
                  "?tags=" + percent_encoded(tag) + "&" + listing.project + "=" +
                  percent_encoded(options_.project) + "&page=" + std::to_string(page) + "&" +
                  listing.per_page + "=" + std::to_string(kPage);
    Called called = co_await call(std::move(request), deadline);
    const Reply* reply = std::get_if<Reply>(&called);
    if (reply == nullptr) co_return refused<Parts>(called);
    const json::array* there = value_at(reply->body, {listing.name}).if_array();
    if (there == nullptr) {
      co_return calls_.refusal(Trouble::passing, what,
                               reply->found() ? "an answer without a list" : "404");
    }
    for (const json::value& one : *there) {
      ScalewayPart part = listing.read(one, zone);
      const bool tagged = std::ranges::find(part.tags, tag) != part.tags.end();
      if (!part.id.empty() && tagged) parts.push_back(std::move(part));
    }
    const std::int64_t total = total_of(*reply);
    const bool last = total < 0 ? there->size() < kPage : page * kPage >= total;
    if (there->empty() || last) co_return parts;
  }
  co_return calls_.refusal(Trouble::passing, what, "the list does not end");
}

awaitable<Answer<ScalewayApi::Found>> ScalewayApi::server(std::string zone, std::string id,
                                                          base::Deadline deadline) {
  return get(Listing::servers(), std::move(zone), std::move(id), deadline);
}
awaitable<Answer<ScalewayApi::Found>> ScalewayApi::volume(std::string zone, std::string id,
                                                          base::Deadline deadline) {
  return get(Listing::volumes(), std::move(zone), std::move(id), deadline);
}
awaitable<Answer<ScalewayApi::Found>> ScalewayApi::address(std::string zone, std::string id,
                                                           base::Deadline deadline) {
  return get(Listing::addresses(), std::move(zone), std::move(id), deadline);
}
awaitable<Answer<ScalewayApi::Parts>> ScalewayApi::servers(std::string zone, std::string tag,
                                                           base::Deadline deadline) {
  return list(Listing::servers(), std::move(zone), std::move(tag), deadline);
}
awaitable<Answer<ScalewayApi::Parts>> ScalewayApi::volumes(std::string zone, std::string tag,
                                                           base::Deadline deadline) {
  return list(Listing::volumes(), std::move(zone), std::move(tag), deadline);
}
awaitable<Answer<ScalewayApi::Parts>> ScalewayApi::addresses(std::string zone, std::string tag,
                                                             base::Deadline deadline) {
  return list(Listing::addresses(), std::move(zone), std::move(tag), deadline);
}

}  // namespace mecapy::clouds
