#include "clouds/cloud_init.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "base/test_folder.h"
#include "wire/base64.h"

namespace mecapy::clouds {
namespace {

Boot boot() {
  return {"https://mecapy.example.org", "t0ken", std::chrono::hours(7),
          "registry.example.org/mecapy-worker:1", 0};
}

// What the file at `path` will hold.
std::string file_in(const std::string& text, const std::string& path) {
  const std::size_t at = text.find("  - path: " + path + "\n");
  if (at == std::string::npos) throw std::runtime_error("no file " + path);
  const std::string key = "    content: ";
  const std::size_t begin = text.find(key, at) + key.size();
  return wire::decode_base64(text.substr(begin, text.find('\n', begin) - begin)).value();
}

std::string mode_of(const std::string& text, const std::string& path) {
  const std::string key = "permissions: \"";
  const std::size_t at = text.find(key, text.find("  - path: " + path + "\n")) + key.size();
  return text.substr(at, 4);
}

TEST(CloudInit, ItsValues_AreInFiles) {
  Boot values = boot();
  values.gpus = 2;
  const std::string text = cloud_init(values);
  EXPECT_TRUE(text.starts_with("#cloud-config\n"));
  EXPECT_EQ(file_in(text, "/etc/mecapy/token"), "t0ken");
  EXPECT_EQ(mode_of(text, "/etc/mecapy/token"), "0600");
  EXPECT_EQ(file_in(text, "/etc/mecapy/home"), "https://mecapy.example.org");
  EXPECT_EQ(file_in(text, "/etc/mecapy/image"), "registry.example.org/mecapy-worker:1");
  EXPECT_EQ(file_in(text, "/etc/mecapy/gpus"), "2");
}

TEST(CloudInit, TheEndOfItsLife_IsSetBeforeAllElse) {
  const std::string text = cloud_init(boot());
  const std::size_t at = text.find("bootcmd:\n");
  EXPECT_EQ(at, std::string("#cloud-config\n").size());
  EXPECT_NE(text.find("echo 25200 >/etc/mecapy/life", at), std::string::npos);
  EXPECT_LT(at, text.find("write_files:"));
  EXPECT_LT(text.find("write_files:"), text.find("runcmd:"));
}

TEST(CloudInit, TheEndOfItsLife_IsReckonedFromTheBootToo) {
  const std::string text = cloud_init(boot());
  const std::string before = ">/etc/mecapy/life && echo ";
  const std::size_t begin = text.find(before) + before.size();
  const auto script = wire::decode_base64(text.substr(begin, text.find(' ', begin) - begin));
  ASSERT_TRUE(script);
  EXPECT_NE(script->find("--timer-property=OnBootSec="), std::string::npos) << *script;
}

TEST(CloudInit, ValuesThatMeanSomethingToYamlOrAShell_ChangeNothingButTheirFile) {
  const std::string plain = cloud_init(boot());
  for (const std::string& nasty : {std::string("'; rm -rf / #"), std::string("$(reboot)`reboot`"),
                                   std::string("a\nruncmd: [x]"), std::string("\"\\\t{}[]&*!|>%@"),
                                   std::string("\0\x01\xff\xfe", 4), std::string("é🙂: - x")}) {
    Boot values = boot();
    values.home_url = values.token = values.image = nasty;
    const std::string text = cloud_init(values);
    EXPECT_EQ(std::ranges::count(text, '\n'), std::ranges::count(plain, '\n'));
    EXPECT_EQ(file_in(text, "/etc/mecapy/token"), nasty);
    EXPECT_EQ(file_in(text, "/etc/mecapy/home"), nasty);
    EXPECT_TRUE(
        std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= 32 && c < 127); }));
  }
}

TEST(CloudInit, ItsScripts_AreShell) {
  const base::TestFolder folder;
  const std::string path = folder.path("script");
  std::ofstream(path) << file_in(cloud_init(boot()), "/usr/local/sbin/mecapy-machine");
  EXPECT_EQ(std::system(("sh -n '" + path + "'").c_str()), 0);
}

}  // namespace
}  // namespace mecapy::clouds
