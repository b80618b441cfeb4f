#include <gtest/gtest.h>

#include <map>
#include <set>

#include "cli/test_graph.h"
#include "cli/text.h"

namespace mecapy::cli {
namespace {

using State = GraphNode::State;

struct Element {
  std::string name;
  std::map<std::string, std::string> attributes;
  std::string text;  // its own
};

// All elements of a document, which is held to the XML that we write: what a parser would mend is a
// failure here.
class Xml {
 public:
  explicit Xml(std::string_view text) : rest_(text) {
    while (!rest_.empty() && !testing::Test::HasFailure()) step();
    EXPECT_TRUE(open_.empty());
  }
  std::vector<Element> all;

  std::vector<Element> named(std::string_view name) const {
    std::vector<Element> found;
    for (const Element& element : all) {
      if (element.name == name) found.push_back(element);
    }
    return found;
  }

 private:
  void step() {
    const std::size_t tag = std::min(rest_.find('<'), rest_.size());
    const std::string text = value(rest_.substr(0, tag));
    rest_.remove_prefix(tag);
    if (!open_.empty()) {
      all[open_.back()].text += text;
    } else {
      EXPECT_EQ(text.find_first_not_of('\n'), std::string::npos);
    }
    if (rest_.empty()) return;
    std::size_t end = 1;  // of the tag
    for (bool quoted = false; end < rest_.size() && (quoted || rest_[end] != '>'); ++end)
      quoted = quoted != (rest_[end] == '"');
    ASSERT_LT(end, rest_.size());
    std::string_view inside = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    if (inside.starts_with('/')) {
      ASSERT_FALSE(open_.empty());
      EXPECT_EQ(all[open_.back()].name, inside.substr(1));
      open_.pop_back();
      return;
    }
    const bool closed = inside.ends_with('/');
    if (closed) inside.remove_suffix(1);
    ASSERT_TRUE(!open_.empty() || all.empty()) << "a second root";
    open_.push_back(all.size());
    all.push_back({word(inside), {}, {}});
    while (!inside.empty() && !testing::Test::HasFailure()) attribute(inside);
    if (closed) open_.pop_back();
  }

  void attribute(std::string_view& inside) {
    ASSERT_TRUE(inside.starts_with(' ')) << inside;
    inside.remove_prefix(1);
    const std::string name = word(inside);
    ASSERT_TRUE(inside.starts_with("=\"")) << inside;
    const std::size_t end = inside.find('"', 2);
    ASSERT_NE(end, std::string_view::npos);
    EXPECT_TRUE(all.back().attributes.emplace(name, value(inside.substr(2, end - 2))).second);
    inside.remove_prefix(end + 1);
  }

  static std::string word(std::string_view& text) {
    const std::size_t size = std::min(
        text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789"),
        text.size());
    EXPECT_GT(size, 0u) << text;
    std::string found(text.substr(0, size));
    text.remove_prefix(size);
    return found;
  }

  static std::string value(std::string_view text) {
    static const std::map<std::string, char, std::less<>> kEntities = {
        {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}};
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
      EXPECT_NE(text[at], '>');
      if (text[at] != '&') {
        out += text[at];
        continue;
      }
      const std::size_t end = std::min(text.find(';', at), text.size());
      const auto entity = kEntities.find(text.substr(at + 1, end - at - 1));
      if (entity == kEntities.end()) {
        ADD_FAILURE() << text.substr(at);
      } else {
        out += entity->second;
      }
      at = end;
    }
    return out;
  }

  std::string_view rest_;
  std::vector<std::size_t> open_;
};

struct Rectangle {
  int left, top, right, bottom;
};
Rectangle rectangle(const Element& rect) {
  const auto number = [&](const char* name) { return std::stoi(rect.attributes.at(name)); };
  return {number("x"), number("y"), number("x") + number("width"), number("y") + number("height")};
}

std::multiset<std::string> names_of(const Xml& xml) {
  std::multiset<std::string> names;
  for (const Element& text : xml.named("text")) {
    if (text.attributes.at("class") == "name") names.insert(text.text);
  }
  return names;
}

TEST(GraphSvg, IsADocumentOfItsOwn) {
  const Graph graph{{{"load", {}, State::completed, "12 ms"}, {"solve", {0}, State::waiting}}};
  const std::string svg = graph_svg(graph);
  EXPECT_EQ(graph_svg(graph), svg);
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  const Xml xml(svg);
  const auto root = xml.all.at(0);
  EXPECT_EQ(root.name, "svg");
  EXPECT_EQ(root.attributes.at("xmlns"), "http://www.w3.org/2000/svg");
  EXPECT_EQ(root.attributes.at("viewBox"),
            "0 0 " + root.attributes.at("width") + " " + root.attributes.at("height"));
  EXPECT_EQ(root.attributes.at("font-family"), "sans-serif");
  EXPECT_EQ(xml.all.at(1).name, "title");
  EXPECT_EQ(xml.all.at(1).text, "Workflow of 2 calculations: 1 waiting, 1 completed");
  EXPECT_EQ(svg.find("href"), std::string::npos);
}

TEST(GraphSvg, NothingIsADocumentToo) {
  const Xml xml(graph_svg({}));
  EXPECT_EQ(xml.named("title").at(0).text, "Workflow of 0 calculations");
  EXPECT_EQ(xml.named("rect").size(), 1u);  // the page
}

// So it can be read in black and white.
TEST(GraphSvg, EachStateHasASignOfItsOwn) {
  std::set<std::string> signs;
  for (int state = 0; state < 7; ++state) {
    const std::string svg = graph_svg({{{"a", {}, static_cast<State>(state)}}});
    const std::size_t disc = svg.find("<circle r=\"10\"");
    if (disc == std::string::npos) {
      EXPECT_EQ(state, 0);
      continue;
    }
    const std::size_t sign = svg.find("/>", disc);
    signs.insert(svg.substr(sign, svg.find("</g>", sign) - sign));
  }
  EXPECT_EQ(signs.size(), 6u);
}

TEST(GraphSvg, WhatStrangersWriteIsText) {
  const Graph graph = hostile_graph();
  const std::string svg = graph_svg(graph);
  EXPECT_EQ(harmless(svg), svg);
  EXPECT_EQ(svg.find("\xef\xbf\xbe"), std::string::npos);  // U+FFFE, which no XML may hold
  const Xml xml(svg);
  const std::multiset<std::string> names = names_of(xml);
  EXPECT_EQ(names.size(), graph.nodes.size());
  EXPECT_TRUE(names.contains("<script>alert(1)</script>"));
  EXPECT_TRUE(names.contains("]]></style>&amp;&#10;"));
  EXPECT_TRUE(names.contains("two lines  and \"quotes\" 'too'"));
  const std::set<std::string> ours = {"svg", "title", "style",  "rect",
                                      "g",   "path",  "circle", "text"};
  for (const Element& element : xml.all) EXPECT_TRUE(ours.contains(element.name)) << element.name;
}

TEST(GraphSvg, BoxesAreApartAndOnThePage) {
  std::mt19937 random(3);
  for (int i = 0; i < 300 && !testing::Test::HasFailure(); ++i) {
    const Graph graph = random_graph(random, 50);
    const Xml xml(graph_svg(graph));
    std::vector<Rectangle> boxes;
    for (const Element& rect : xml.named("rect")) {
      if (!rect.attributes.contains("class")) boxes.push_back(rectangle(rect));
    }
    const auto& root = xml.all.at(0).attributes;
    EXPECT_EQ(boxes.size(), graph.nodes.size());
    for (std::size_t a = 0; a < boxes.size(); ++a) {
      EXPECT_GT(boxes[a].left, 0);
      EXPECT_LT(boxes[a].right, std::stoi(root.at("width")));
      EXPECT_LT(boxes[a].bottom, std::stoi(root.at("height")));
      for (std::size_t b = 0; b < a; ++b) {
        EXPECT_TRUE(boxes[a].right < boxes[b].left || boxes[b].right < boxes[a].left ||
                    boxes[a].bottom < boxes[b].top || boxes[b].bottom < boxes[a].top);
      }
    }
    std::multiset<std::string> names;
    for (const GraphNode& node : graph.nodes) names.insert(node.name);
    EXPECT_EQ(names_of(xml), names);
  }
}

}  // namespace
}  // namespace mecapy::cli
