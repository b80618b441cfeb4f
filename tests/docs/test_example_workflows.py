"""The examples that are workflows, walked by hand and compared with what their sources publish."""

import functools
import json
import math
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs import chain
from docs.blocks import Block, blocks_of
from docs.page import Reader
from support.server import DEV_TOKEN, ROOT, Server

FOLDERS = sorted(path.parent for path in (ROOT / "examples").glob("*/workflow.yaml"))
PYTHON = ROOT / "build" / "venv" / "bin" / "python"  # that of calculations, with their libraries
MEMBERS = {"task", "inputs", "for_each", "when", "on_error", "default", "limits", "attempts"}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
SOURCE = ({"input"}, {"input", "at"}, {"value"}, {"node"}, {"node", "at"}, {"element"})

each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def read(folder: Path) -> dict[str, Any]:
    definition: dict[str, Any] = yaml.safe_load((folder / "workflow.yaml").read_text())
    return definition


def given(folder: Path, name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / name).read_text())
    return value


@functools.cache
def walked(folder: Path, inputs: str) -> tuple[dict[str, Any], list[str]]:
    """What a workflow gives for inputs, and the names of the files that its nodes leave."""
    with tempfile.TemporaryDirectory() as work:
        told = {"folder": str(folder), "definition": read(folder), "inputs": json.loads(inputs)}
        return told_by(chain.__file__, told, work), sorted(os.listdir(work))


def told_by(program: str, given: Any, work: str) -> Any:
    """What a program tells of what it is given, by the Python that calculations have."""
    done = subprocess.run(
        [PYTHON, program],
        input=json.dumps(given),
        cwd=work,
        env={**os.environ, "MPLBACKEND": "agg", "MPLCONFIGDIR": tempfile.gettempdir()},
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def walk(folder: Path, case: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The same, for a case of ``expected.json``: its inputs are laid over ``inputs.json``."""
    return walked(folder, json.dumps(given(folder, "inputs.json") | case.get("inputs", {})))


def cases(expected: dict[str, Any]) -> list[dict[str, Any]]:
    """The case of ``inputs.json`` and the further ones."""
    return [{"checks": expected["checks"]}, *expected.get("cases", [])]


def compare(result: Any, check: dict[str, Any]) -> None:
    found, value = chain.at_pointer(result, check["pointer"]), check["value"]
    told = f"{check['pointer']}: {found} is not {value} ({check['source']})"
    if isinstance(value, bool | str | list):
        assert found == value, told
    else:
        tolerances = {"rel_tol": check.get("rel_tol", 0.0), "abs_tol": check.get("abs_tol", 0.0)}
        assert any(tolerances.values()), f"{check['pointer']} states no tolerance"
        assert math.isclose(found, value, **tolerances), told


def test_no_two_steps_have_one_name() -> None:
    # A file is kept as a task of its name: one would stand in the place of the other.
    names = [path.name for folder in FOLDERS for path in folder.glob("*.py")]
    assert len(names) >= 5
    assert len(names) == len(set(names))


@each_folder
def test_the_definition_has_the_shape_of_one(folder: Path) -> None:
    definition = read(folder)
    assert set(definition) == {"inputs", "nodes", "outputs"}
    declared, nodes = definition["inputs"], definition["nodes"]
    assert len(nodes) >= 5
    for name in [*declared, *nodes, *definition["outputs"]]:
        assert NAME.fullmatch(name), name
    assert all(set(told) <= {"default"} for told in declared.values())
    used: set[str] = set()
    for node in nodes.values():
        assert set(node) <= MEMBERS
        assert (folder / node["task"]).is_file()
        for source in chain.sources(node):
            assert set(source) in SOURCE, source
            assert "for_each" in node or "element" not in source
            used |= {source["input"]} if "input" in source else set()
    assert used == set(declared)
    wanted = {source["node"] for source in definition["outputs"].values()}
    for name in reversed(chain.order(nodes)):
        assert name in wanted, f"no output needs {name}"
        wanted |= chain.needs(nodes[name])
    assert set(chain.order(nodes)) == set(nodes)
    files = {path.name for path in folder.glob("*.py")}
    assert files == {node["task"] for node in nodes.values()}


@each_folder
def test_each_step_tells_its_inputs_and_results(folder: Path) -> None:
    for name, node in read(folder)["nodes"].items():
        told = (folder / node["task"]).read_text().split('"""')[1]
        inputs = re.search(r"^Inputs\n((?:    .*\n|\n)+)Results?\n    \S", told, re.MULTILINE)
        assert inputs, node["task"]
        listed = set(re.findall(r"^    (\w+)", inputs[1], re.MULTILINE))
        assert set(node["inputs"]) <= listed, (name, set(node["inputs"]) - listed)


@each_folder
def test_it_is_told_with_its_formulas_and_source(folder: Path) -> None:
    title, told = (folder / "README.md").read_text().split("\n", 1)
    assert re.fullmatch(r"# \S.+", title)
    formula = re.search(r"^    \S.* = .*\S", told, re.MULTILINE)
    assert formula
    reference = told.index("\n**Reference.**")
    assert formula.start() < reference < told.index("\n**Comparison.**")
    expected = given(folder, "expected.json")
    checks = [c for case in cases(expected) + expected.get("steps", []) for c in case["checks"]]
    for source in {check["source"] for check in checks}:
        name = re.search(r"[A-Z][A-Za-z]+", source)
        assert source.startswith("not published") or (name and name[0] in told[reference:]), source


@each_folder
def test_it_gives_its_published_values(folder: Path) -> None:
    expected = given(folder, "expected.json")
    for case in cases(expected):
        result, files = walk(folder, case)
        assert case["checks"]
        for check in case["checks"]:
            compare(result["outputs"], check)
        for node, state in case.get("states", {}).items():
            assert result["states"][node] == state
        left = [name for name in expected.get("artifacts", []) if name in files]
        assert left == case.get("artifacts", expected.get("artifacts", []))


@each_folder
def test_its_steps_give_published_values_alone(folder: Path) -> None:
    for step in given(folder, "expected.json").get("steps", []):
        result = chain.load(folder / step["task"])(step["inputs"])
        for check in step["checks"]:
            compare(result, check)


@each_folder
def test_readme_tells_each_node_and_file(folder: Path) -> None:
    told = (folder / "README.md").read_text()
    for name, node in read(folder)["nodes"].items():
        assert f"| `{name}` | `{node['task']}` |" in told


def told_alike(definition: dict[str, Any], names: dict[str, str], tasks: dict[str, str]) -> Any:
    """Inputs and nodes, with the nodes by `names` and their tasks, of any version, by `tasks`."""

    def source(one: dict[str, Any]) -> dict[str, Any]:
        return one | ({"node": names[one["node"]]} if "node" in one else {})

    nodes = {}
    for name, node in definition["nodes"].items():
        sources = {key: source(node[key]) for key in ("for_each", "when") if key in node}
        inputs = {key: source(one) for key, one in node["inputs"].items()}
        nodes[names[name]] = node | sources | {"task": tasks[node["task"]], "inputs": inputs}
        nodes[names[name]].pop("version", None)
    return definition["inputs"], nodes


def by_files(definition: dict[str, Any]) -> dict[str, str]:
    """The names that nodes have where a file is called as a function: its own, at first."""
    names: dict[str, str] = {}
    for name, node in definition["nodes"].items():
        stem = node["task"].removesuffix(".py")
        names[name] = name if stem in names.values() else stem
    return names


@each_folder
def test_its_guide_writes_the_same_workflow(folder: Path, server: Server) -> None:
    guide = ROOT / "docs" / "guides" / f"{folder.name}.md"
    reader = Reader({"MECAPY_URL": server.url, "MECAPY_TOKEN": DEV_TOKEN}, {})
    try:
        reader.begin_in_clone()
        reader.follow(blocks_of(guide)[0])
        names = "{one.id: one.name for one in client.tasks.list()}"
        show = f"print(json.dumps([w.definition(), {names}]))"
        written, tasks = json.loads(reader.follow(Block(guide, 0, "python", show)))
        tasks = {id_: name.rpartition("/")[2] for id_, name in tasks.items()}
    finally:
        reader.end()
        reader.leave()
    definition = read(folder)
    files = {path.name: path.stem for path in folder.glob("*.py")}
    same = {name: name for name in written["nodes"]}
    assert told_alike(written, same, tasks) == told_alike(definition, by_files(definition), files)


def test_the_joint_in_steps_is_the_joint_in_one_calculation() -> None:
    folder = ROOT / "examples" / "joint-workflow"
    outputs = walk(folder, {})[0]["outputs"]
    one = ROOT / "examples" / "bolted-joint-vdi2230"
    whole = given(one, "inputs.json")
    calculate = chain.load(one / "calc.py")
    for index, case in enumerate(outputs["cases"]):
        single = calculate(
            whole
            | {
                "embedding_um": outputs["preload"]["embedding_um"],
                "axial_force_max_n": case["axial_max_n"],
                "axial_force_min_n": case["axial_min_n"],
                "transverse_force_n": case["transverse_n"],
                "clamp_force_required_n": case["clamp_required_n"],
            }
        )
        working, fatigue = outputs["working"][index], outputs["fatigue"][index]
        pairs = [
            (outputs["assembly"]["torque_nm"], single["torque_nm"]),
            (outputs["stiffness"]["load_factor"], single["load_factor"]),
            (outputs["preload"]["embedding_loss_n"], 1000.0 * single["embedding_loss_kn"]),
            (
                outputs["preload"]["required"][index]["preload_n"],
                1000.0 * single["preload_required_kn"],
            ),
            (working["equivalent_stress_mpa"], single["equivalent_stress_mpa"]),
            (working["surface_pressure_mpa"], single["surface_pressure_mpa"]),
            (working["clamp_force_n"], 1000.0 * single["clamp_force_residual_kn"]),
            (working["safety"]["slipping"], single["safety"]["slipping"]),
            (fatigue["stress_amplitude_mpa"], single["stress_amplitude_mpa"]),
            (fatigue["safety"], single["safety"]["fatigue"]),
        ]
        for found, expected in pairs:
            assert found == (expected if expected is None else pytest.approx(expected, rel=1e-12))


def test_the_figure_of_the_shaft_shows_its_results(tmp_path: Path) -> None:
    folder = ROOT / "examples" / "shaft-workflow"
    outputs = walk(folder, {})[0]["outputs"]
    file = folder / "shaft_diagram.py"
    inputs = {name: outputs[name] for name in ("forces", "reactions", "sections")}
    drawn = told_by(
        str(Path(chain.__file__).parent / "drawn.py"),
        {"file": str(file), "inputs": inputs},
        str(tmp_path),
    )
    lines = {axes["axes"]: {line["label"]: line for line in axes["lines"]} for axes in drawn}
    shears, moments, torques = (
        lines[name] for name in ("shear force [kN]", "bending moment [N m]", "torque [N m]")
    )
    near = functools.partial(pytest.approx, rel=1e-9, abs=1e-9)

    top = max(zip(moments["resultant"]["y"], moments["resultant"]["x"], strict=True))
    largest = outputs["largest"]
    assert top == near((largest["moment_n_mm"] / 1000.0, largest["position_mm"]))
    [torque] = torques.values()
    assert max(torque["y"]) == near(outputs["torque_n_mm"] / 1000.0)

    for index, place in enumerate(outputs["moments"]):  # each force and bearing: left, right of it
        at = 2 * index
        found = [shears[f"along {axis}"]["y"][at] for axis in "yz"]
        assert 1000.0 * math.hypot(*found) == near(place["shear_n"])
        assert torque["y"][at] == near(place["torque_n_mm"] / 1000.0)
        for axis in "yz":
            line = moments[f"of the forces along {axis}"]
            assert line["x"][at] == place["position_mm"]
            assert line["y"][at] == near(place[f"moment_{axis}_n_mm"] / 1000.0)
    marked = [(line["x"], line["y"]) for line in moments.values() if len(line["x"]) == 1]
    for section in outputs["sections"]:
        place = section["position_mm"], section["moment_n_mm"] / 1000.0
        assert any(x == [place[0]] and y == near([place[1]]) for x, y in marked), section["name"]
