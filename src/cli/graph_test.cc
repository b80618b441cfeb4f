#include "cli/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "cli/test_graph.h"
#include "cli/text.h"

namespace mecapy::cli {
namespace {

using State = GraphNode::State;

std::string marked(std::string_view text, Style style) {
  constexpr std::string_view kMarks = " *.!+~";
  return style == Style::plain ? std::string(text)
                               : kMarks[static_cast<std::size_t>(style)] + std::string(text) + ">";
}

std::string drawn(const Graph& graph, std::size_t columns = 80) {
  return "\n" + graph_text(graph, columns, unstyled);
}

Graph six() {
  return {{{"load", {}, State::completed, "12 ms"},
           {"mesh", {0}, State::completed, "reused"},
           {"materials", {0}, State::failed, "3 ms"},
           {"solve", {1, 2}, State::running, "3/10"},
           {"fatigue", {3, 2}, State::waiting},
           {"report", {4, 3, 0}, State::skipped}}};
}

TEST(GraphText, OneNodeIsABox) {
  EXPECT_EQ(drawn({{{"load", {}}}}), R"(
┌───────┐
│ load  │
└───────┘
)");
}

TEST(GraphText, NothingIsNothing) { EXPECT_EQ(graph_text({}, 80, unstyled), ""); }

TEST(GraphText, AChainIsOneLineDown) {
  EXPECT_EQ(drawn({{{"load", {}, State::completed}, {"mesh", {0}}, {"solve", {1}}}}), R"(
┌─────────┐
│ ✓ load  │
└────┬────┘
     │
 ┌───▼───┐
 │ mesh  │
 └───┬───┘
     │
 ┌───▼───┐
 │ solve │
 └───────┘
)");
}

TEST(GraphText, ADiamondPartsAndMeets) {
  EXPECT_EQ(drawn({{{"a", {}}, {"b", {0}}, {"c", {0}}, {"d", {1, 2}}}}), R"(
   ┌───┐
   │ a │
   └─┬─┘
  ╭──┴───╮
┌─▼─┐  ┌─▼─┐
│ b │  │ c │
└─┬─┘  └─┬─┘
  ╰──┬───╯
   ┌─▼─┐
   │ d │
   └───┘
)");
}

TEST(GraphText, AnEdgeOverLayersPassesBesideTheirBoxes) {
  EXPECT_EQ(drawn({{{"a", {}}, {"b", {0}}, {"c", {1}}, {"d", {2, 0}}}}), R"(
  ┌───┐
  │ a │
  └─┬─┘
  ╭─┴──╮
┌─▼─┐  │
│ b │  │
└─┬─┘  │
  │    │
┌─▼─┐  │
│ c │  │
└─┬─┘  │
  ╰─┬──╯
  ┌─▼─┐
  │ d │
  └───┘
)");
}

TEST(GraphText, PartsThatNothingConnectsStandBesideEachOther) {
  EXPECT_EQ(drawn({{{"one", {}}, {"three", {}}, {"two", {0}}, {"four", {1}}}}), R"(
┌─────┐  ┌───────┐
│ one │  │ three │
└──┬──┘  └───┬───┘
   │         │
┌──▼──┐  ┌───▼───┐
│ two │  │ four  │
└─────┘  └───────┘
)");
}

TEST(GraphText, LinesThatCrossGoOverEachOther) {
  EXPECT_EQ(drawn({{{"a", {}}, {"b", {}}, {"c", {0, 1}}, {"d", {0, 1}}, {"e", {0}}, {"f", {1}}}}),
            R"(
          ┌───┐    ┌───┐
          │ a │    │ b │
          └─┬─┘    └─┬─┘
  ╭─────────┼──────╮ │
  │         │ ╭────│─┼─────────╮
┌─▼─┐  ┌────▼─▼┐  ┌▼─▼────┐  ┌─▼─┐
│ e │  │   c   │  │   d   │  │ f │
└───┘  └───────┘  └───────┘  └───┘
)");
}

TEST(GraphText, ARunShowsStatesAndNotes) {
  EXPECT_EQ(drawn(six()), R"(
                    ┌───────────────┐
                    │ ✓ load  12 ms │
                    └───────┬───────┘
         ╭──────────────────┴──┬────────────╮
┌────────▼────────┐  ┌─────────▼─────────┐  │
│ ✓ mesh  reused  │  │ ✗ materials  3 ms │  │
└────────┬────────┘  └─────────┬─────────┘  │
         ╰──────────╮    ╭─────┴─╮          │
              ┌─────▼────▼────┐  │          │
              │ ▸ solve  3/10 │  │          │
              └───────┬───────┘  │          │
                      ╰───┬────╮ │          │
                          │  ┌─▼─▼───────┐  │
                          │  │ · fatigue │  │
                          │  └─────┬─────┘  │
                          ╰────────┼────────╯
                            ┌──────▼────┐
                            │ – report  │
                            └───────────┘
)");
}

TEST(GraphText, NotesGoBelowNamesWhereThatFits) {
  EXPECT_EQ(drawn(six(), 40), R"(
               ┌─────────┐
               │ ✓ load  │
               │   12 ms │
               └────┬────┘
      ╭─────────────┼───────────╮
┌─────▼─────┐  ┌────▼────────┐  │
│ ✓ mesh    │  │ ✗ materials │  │
│   reused  │  │   3 ms      │  │
└─────┬─────┘  └──────┬──────┘  │
      ╰───────╮  ╭────┤         │
          ┌───▼──▼──┐ │         │
          │ ▸ solve │ │         │
          │   3/10  │ │         │
          └────┬────┘ │         │
               ├────╮ │         │
               │ ┌──▼─▼──────┐  │
               │ │ · fatigue │  │
               │ └─────┬─────┘  │
               ╰───────┼────────╯
                 ┌─────▼─────┐
                 │ – report  │
                 └───────────┘
)");
}

TEST(GraphText, WhatDoesNotFitIsAList) {
  EXPECT_EQ(drawn(six(), 30), R"(
✓ load  12 ms
  ✓ mesh  reused  ← needs load
  ✗ materials  3 ms
      ← needs load
    ▸ solve  3/10
        ← needs mesh,
          materials
      · fatigue
          ← needs solve,
            materials
      – report
          ← needs fatigue,
            solve, load
)");
  EXPECT_EQ(drawn(six(), 1), drawn(six(), 10));
}

TEST(GraphText, ManyNodesAreAList) {
  Graph graph;
  for (std::size_t i = 0; i < 41; ++i) {
    graph.nodes.push_back({"n" + std::to_string(i), {}, State::completed});
    if (i > 0) graph.nodes.back().needs = {i - 1};
  }
  EXPECT_TRUE(graph_text(graph, 80, unstyled).starts_with("✓ n0\n  ✓ n1  ← needs n0\n"));
  graph.nodes.pop_back();
  EXPECT_TRUE(graph_text(graph, 80, unstyled).starts_with("┌"));
}

TEST(GraphText, StatesHaveColours) {
  EXPECT_EQ("\n" + graph_text({{{"a", {}, State::failed, "1 s"}}}, 80, marked), R"(
!┌───────────┐>
!│> !✗ >a  .1 s>  !│>
!└───────────┘>
)");
}

TEST(GraphText, ACycleEndsAllTheSame) {
  const Graph graph{{{"a", {1}}, {"b", {0}}, {"c", {1, 7}}, {"d", {3}}}};
  for (const char* name : {"a", "b", "c", "d"})
    EXPECT_NE(graph_text(graph, 80, unstyled).find(name), std::string::npos);
  EXPECT_NE(graph_svg(graph).find(">d<"), std::string::npos);
}

TEST(GraphText, NothingHasPowerOverATerminal) {
  for (const std::size_t columns : {10UL, 40UL, 400UL}) {
    for (const GraphNode& node : hostile_graph().nodes) {
      for (const Graph& graph :
           {hostile_graph(), Graph{{{node.name, {}, State::failed, node.note}}}}) {
        const std::string text = graph_text(graph, columns, unstyled);
        std::string lines = text;
        std::erase(lines, '\n');
        EXPECT_EQ(harmless(text), text);
        EXPECT_EQ(harmless_line(lines, lines.size()), lines);
      }
    }
  }
}

TEST(GraphText, CharactersOfUnknownWidthAreNotPutIntoBoxes) {
  EXPECT_EQ(drawn({{{"a", {}, State::none, "日本"}, {"b", {0}}}}), "\na  日本\n  b  ← needs a\n");
  EXPECT_EQ(drawn({{{"a", {}, State::none, "日本語版"}}}, 10), "\na  日本語…\n");
}

TEST(GraphMermaid, NodesEdgesAndLooks) {
  EXPECT_EQ(graph_mermaid({{{"load", {}, State::completed, "1.5 s"},
                            {"fine-mesh_2", {0}, State::waiting, "3/10"},
                            {"solve", {1, 0}}}}),
            R"(flowchart TD
  n0["✓ load<br/>1.5 s"]:::completed
  n1["· fine-mesh_2<br/>3/10"]:::waiting
  n2["solve"]
  n0 --> n1
  n1 --> n2
  n0 --> n2
  classDef waiting fill:#f6f7f8,stroke:#6e7781,color:#1f2328
  classDef completed fill:#e8f6ed,stroke:#25804a,color:#1f2328
)");
  EXPECT_EQ(graph_mermaid({}), "flowchart TD\n");
}

TEST(GraphMermaid, LabelsAreTextOnly) {
  const auto label = [](const char* name) {
    const std::string text = graph_mermaid({{{name, {}}}});
    return text.substr(text.find('['));
  };
  EXPECT_EQ(label("a\"]; click n0 \"x"), "[\"a#quot;#93;#59; click n0 #quot;x\"]\n");
  EXPECT_EQ(label("<b>#lt;`x`"), "[\"#60;b#62;#35;lt#59;#96;x#96;\"]\n");
  EXPECT_EQ(label("%%{init}%%"), "[\"#37;#37;#123;init#125;#37;#37;\"]\n");
  EXPECT_EQ(label("1. x"), "[\"1#46; x\"]\n");
  EXPECT_EQ(label("_x_"), "[\"#95;x#95;\"]\n");
  EXPECT_EQ(label("a\nb\x1b"), "[\"a b#92;x1b\"]\n");
  EXPECT_EQ(label("é"), "[\"é\"]\n");
  const std::string all = graph_mermaid(hostile_graph());
  EXPECT_EQ(std::ranges::count(all, '"'), 2 * std::ssize(hostile_graph().nodes));
}

TEST(GraphText, EachNodeIsThereOnceAndNoLineIsTooWide) {
  std::mt19937 random(1);
  for (int i = 0; i < 1000 && !testing::Test::HasFailure(); ++i) {
    Graph graph = random_graph(random, 60);
    for (GraphNode& node : graph.nodes) node.state = State::completed;
    const std::size_t columns = 30 + random() % 200;
    const std::string text = graph_text(graph, columns, unstyled);
    std::multiset<std::string> names;
    for (const std::string& line : lines_of(text)) {
      EXPECT_LE(width(line), columns) << text;
      std::istringstream words(line);
      for (std::string word; words >> word;) {
        if (word == "✓" && words >> word) names.insert(word);
      }
    }
    std::multiset<std::string> expected;
    for (const GraphNode& node : graph.nodes) expected.insert(node.name);
    EXPECT_EQ(names, expected) << text;
  }
}

TEST(GraphMermaid, EachNodeAndEdgeIsThereOnce) {
  std::mt19937 random(2);
  for (int i = 0; i < 200 && !testing::Test::HasFailure(); ++i) {
    const Graph graph = random_graph(random, 60);
    std::multiset<std::string> found;
    for (const std::string& line : lines_of(graph_mermaid(graph))) {
      if (line.starts_with("  n")) found.insert(line.substr(2, line.find_first_of("[") - 2));
    }
    std::multiset<std::string> expected;
    for (std::size_t at = 0; at < graph.nodes.size(); ++at) {
      const std::string id = "n" + std::to_string(at);
      expected.insert(id);
      for (const std::size_t need : graph.nodes[at].needs)
        expected.insert("n" + std::to_string(need) + " --> " + id);
    }
    EXPECT_EQ(found, expected);
  }
}

}  // namespace
}  // namespace mecapy::cli
