"""Workflows as they are written: the definition is exactly what the platform is sent."""

import asyncio
import copy
import json
import math
import re
import sys
from typing import Any

import numpy as np
import pytest
from scripted import Answer, Scripted, scripted

from mecapy import (
    AsyncMecaPy,
    EncodingError,
    InvalidRequestError,
    Limits,
    MecaPy,
    NotFoundError,
    SourceError,
    Task,
    WorkflowBuilder,
    WorkflowError,
    WorkflowValue,
)

CLIENT = MecaPy(base_url="http://127.0.0.1:9", token="t", retries=0)
ELSEWHERE = MecaPy(base_url="http://127.0.0.1:10", token="t", retries=0)
TASK_ID = "01a218fd-7c32-7000-b47b-4bd94c0872ba"
TASK = Task(CLIENT, {"id": TASK_ID, "name": "Calcul contrainte vis", "version": 3})


@CLIENT.task
def stiffness(bolt, plates):
    return {"stiffness": {"axial": bolt["d"] * len(plates)}}


@CLIENT.task(memory="1 GiB", name="the preload", cache="1 h")
def preload(k, torque=80):
    return {"preload": k * torque}


@CLIENT.task
def fatigue(load, cycles=1e6):
    return {"margin": load / cycles}


@CLIENT.task
def calculate(inputs):
    return inputs


@CLIENT.task
def résistance(x, *more, **others):
    return x


class NothingIsKept(Exception):
    """Leaves a workflow before it is sent."""


class Writing:
    """A workflow whose `with` ends without a server."""

    def __init__(self, client: MecaPy = CLIENT) -> None:
        self.builder = client.workflow("joint")

    def __enter__(self) -> WorkflowBuilder:
        return self.builder.__enter__()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.builder.__exit__(kind or NothingIsKept, error, trace)


def test_functions_that_are_called_with_values_are_nodes() -> None:
    with Writing() as w:
        k = stiffness(w.input("bolt"), w.input("plates"))
        p = preload(k["stiffness"], w.input("torque", default=80))
        w.output(margin=fatigue(p["preload"], w.input("load_cycles"))["margin"])
        definition = w.definition()
    assert definition == {
        "inputs": {"bolt": {}, "plates": {}, "torque": {"default": 80}, "load_cycles": {}},
        "nodes": {
            "stiffness": {
                "task": "stiffness",
                "inputs": {"bolt": {"input": "bolt"}, "plates": {"input": "plates"}},
            },
            "preload": {
                "task": "preload",
                "inputs": {
                    "k": {"node": "stiffness", "at": "/stiffness"},
                    "torque": {"input": "torque"},
                },
            },
            "fatigue": {
                "task": "fatigue",
                "inputs": {
                    "load": {"node": "preload", "at": "/preload"},
                    "cycles": {"input": "load_cycles"},
                },
            },
        },
        "outputs": {"margin": {"node": "fatigue", "at": "/margin"}},
    }
    assert list(definition["nodes"]) == ["stiffness", "preload", "fatigue"]
    assert json.loads(json.dumps(definition)) == definition


def test_all_that_can_be_said_of_a_node() -> None:
    with Writing() as w:
        wanted = fatigue(w.input("load"))
        result = w.node(
            TASK,
            "vis",
            each=w.input("cases"),
            when=wanted["is_wanted"],
            limits=Limits(memory="512 MiB"),
            attempts=3,
            on_error="default",
            default=math.nan,
            version=2,
            inputs={"name": "M12", "when": w.input("load")},
            e=210e9,
        )
        w.output(all=result)
        definition = w.definition()
    assert definition["nodes"]["vis"] == {
        "task": TASK_ID,
        "version": 2,
        "inputs": {
            "name": {"value": "M12"},
            "when": {"input": "load"},
            "e": {"value": 210e9},
        },
        "for_each": {"input": "cases"},
        "when": {"node": "fatigue", "at": "/is_wanted"},
        "limits": {"memory_mb": 512},
        "attempts": 3,
        "on_error": "default",
        "default": {"$type": "float", "value": "nan"},
    }
    assert definition["outputs"] == {"all": {"node": "vis"}}


def test_a_node_runs_once_for_each_element_it_is_given() -> None:
    with Writing() as w:
        case = w.each(w.input("cases"))
        damage = fatigue(case["load"]["axial"], case["cycles"])
        preload(w.each(damage["margin"]), w.input("torque"))
        fatigue(w.each(w.input("cases")), cycles=w.each(w.input("cases"))["n"])  # one list
        w.node(fatigue, "known", load=w.each([1.5, {"f": 2}])["f"])
        nodes = w.definition()["nodes"]
    assert nodes["fatigue"] == {
        "task": "fatigue",
        "inputs": {"load": {"element": "/load/axial"}, "cycles": {"element": "/cycles"}},
        "for_each": {"input": "cases"},
    }
    assert nodes["preload"] == {
        "task": "preload",
        "inputs": {"k": {"element": ""}, "torque": {"input": "torque"}},
        "for_each": {"node": "fatigue", "at": "/margin"},
    }
    assert nodes["fatigue_2"]["for_each"] == {"input": "cases"}
    assert nodes["fatigue_2"]["inputs"] == {"load": {"element": ""}, "cycles": {"element": "/n"}}
    assert nodes["known"]["for_each"] == {"value": [1.5, {"f": 2}]}


def test_lists_that_are_known_are_lists_whatever_they_are_kept_in() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"load": [1.0, 2.0], "cycles": [10, 20]})
    lists = [(1, 2), range(2), np.array([0.5, 1]), np.eye(2), table]
    with Writing() as w:
        for one in lists:
            w.node(fatigue, each=one, load=1)
        told = [node["for_each"]["value"] for node in w.definition()["nodes"].values()]
        for wrong in (3, {"a": 1}, "text", np.float64(1)):
            with pytest.raises(TypeError, match="goes through a list"):
                w.each(wrong)
    row = {"$type": "ndarray", "dtype": "float64", "shape": [2], "data": [1.0, 0.0]}
    assert told[:3] == [[1, 2], [0, 1], [0.5, 1.0]]
    assert (told[3][0], len(told[3])) == (row, 2)
    assert told[4] == [{"load": 1.0, "cycles": 10}, {"load": 2.0, "cycles": 20}]


def test_constants_are_encoded_as_inputs_are() -> None:
    with Writing() as w:
        fatigue(w.input("load"), np.array([1.0, math.inf]))
        calculate({"x": w.input("load"), "steps": {1, 2}, "none": None})
        nodes = w.definition()["nodes"]
        array = nodes["fatigue"]["inputs"]["cycles"]["value"]
        assert array["data"] == [1.0, "inf"]
        assert nodes["calculate"]["inputs"] == {
            "x": {"input": "load"},
            "steps": {"value": {"$type": "set", "value": [1, 2]}},
            "none": {"value": None},
        }
        with pytest.raises(EncodingError, match="input cycles of node fatigue_2 is a function"):
            fatigue(w.input("load"), len)
        with pytest.raises(EncodingError, match="the default of input x"):
            w.input("x", default=object())


def test_defaults_of_a_function_go_along() -> None:
    with Writing() as w:
        fatigue(w.input("load"))
        assert w.definition()["nodes"]["fatigue"]["inputs"]["cycles"] == {"value": 1e6}


@pytest.mark.parametrize(
    ("part", "at"),
    [
        (lambda v: v["a"]["b"], "/a/b"),
        (lambda v: v[0][12], "/0/12"),
        (lambda v: v["a/b"]["~c"], "/a~1b/~0c"),
        (lambda v: v[""]["~1"], "//~01"),
        (lambda v: v[np.int64(3)], "/3"),
    ],
)
def test_parts_of_values_are_json_pointers(part: Any, at: str) -> None:
    with Writing() as w:
        assert part(w.input("x"))._source() == {"input": "x", "at": at}
        w.output(x=part(fatigue(w.input("x"))))
        assert w.definition()["outputs"] == {"x": {"node": "fatigue", "at": at}}


@pytest.mark.parametrize(
    ("use", "instead"),
    [
        (lambda v: v + 1, "put the arithmetic into a calculation"),
        (lambda v: 2 * v, "put the arithmetic"),
        (lambda v: v**2, "put the arithmetic"),
        (lambda v: v // v, "put the arithmetic"),
        (lambda v: -v, "put the arithmetic"),
        (abs, "put the arithmetic"),
        (float, "put the arithmetic"),
        (round, "put the arithmetic"),
        (math.sqrt, "put the arithmetic"),
        (np.sqrt, None),
        (np.asarray, "put the arithmetic"),
        (lambda v: np.ones(2) * v, "put the arithmetic"),
        (lambda v: v @ np.ones(2), "put the arithmetic"),
        (lambda v: np.float64(2) + v, "put the arithmetic"),
        (lambda v: [1, 2][v], "put the arithmetic"),
        (lambda v: v > 1, "put the comparison"),
        (lambda v: v == 1, "put the comparison"),
        (lambda v: v != "a", "put the comparison"),
        (lambda v: 3 in v, "put the comparison"),
        (lambda v: v in {}, "put the comparison"),
        (lambda v: not v, "when= of a node"),
        (lambda v: 1 if v else 2, "when= of a node"),
        (len, "put what needs its length"),
        (list, "each"),
        (lambda v: [*v], "each"),
        (lambda v: f"{v:.2f}", "put what makes the text into a calculation"),
        (lambda v: f"{v} mm", "put what makes the text into a calculation"),
        (lambda v: f"{v!s} mm", "put what makes the text"),
        (lambda v: "{} mm".format(v), "put what makes the text"),  # noqa: UP032
        (lambda v: "%s mm" % v, "put what makes the text"),  # noqa: UP031
        (str, "put what makes the text"),
        (bytes, "put what makes the text"),
        (print, "put what makes the text"),
        (lambda v: [1, 2, 3][:v], None),
        (lambda v: {}[v], "comparison"),
        (lambda v: v[v], "which part is taken must be known before"),
    ],
)
def test_values_are_no_numbers(use: Any, instead: str | None) -> None:
    with Writing() as w, pytest.raises(TypeError) as told:
        use(fatigue(w.input("load"))["margin"])
    if instead is not None:
        assert "its value is known only when the workflow runs" in str(told.value)
        assert instead in str(told.value)
        assert '<result of node fatigue["margin"] of workflow joint>' in str(told.value)


def test_which_part_of_a_value_is_said_by_a_text_or_a_number() -> None:
    with Writing() as w:
        value = w.input("x")
        for wrong in (slice(1, 2), 1.5, True, None, (1, 2)):
            with pytest.raises(TypeError, match="by a text or a number"):
                value[wrong]
        with pytest.raises(IndexError, match="count from the beginning"):
            value[-1]
        with pytest.raises(AttributeError, match=r'a member of a result is \["margin"\]'):
            _ = value.margin
        with pytest.raises(TypeError, match="never changed"):
            value.margin = 1
        assert repr(value[0]["a"]) == '<input x[0]["a"] of workflow joint>'
        assert not hasattr(value, "_repr_html_")
        assert copy.deepcopy([value])[0] is copy.copy(value) is value


def test_nodes_are_named_by_their_functions() -> None:
    with Writing() as w:
        x = w.input("x")
        for _ in range(3):
            fatigue(x)
        w.node(fatigue, "fatigue_4", load=1)
        fatigue(x)
        résistance(x)
        TASK(force=x)
        w.node(TASK, force=1)
        long = Task(CLIENT, {"id": TASK_ID, "name": "3D " + "x" * 80, "version": 1})
        long(x=x)
        long(x=x)
        Task(CLIENT, {"id": TASK_ID, "name": "応力", "version": 1})(x=x)
        names = list(w.definition()["nodes"])
    assert names[:5] == ["fatigue", "fatigue_2", "fatigue_3", "fatigue_4", "fatigue_5"]
    assert names[5:8] == ["resistance", "Calcul_contrainte_vis", "Calcul_contrainte_vis_2"]
    assert names[8:] == ["_3D_" + "x" * 60, "_3D_" + "x" * 58 + "_2", "node"]


@pytest.mark.parametrize("wrong", ["", "1a", "a b", "é", "x" * 65, "-a", 3])
def test_names_are_those_of_the_platform(wrong: Any) -> None:
    with Writing() as w:
        with pytest.raises(WorkflowError, match="no name of an input: 1 to 64 letters"):
            w.input(wrong)
        with pytest.raises(WorkflowError, match="no name"):
            w.node(fatigue, wrong, load=1)
        if isinstance(wrong, str):
            with pytest.raises(WorkflowError, match="no name of an output"):
                w.output(**{wrong: 1})
        assert w.definition() == {"inputs": {}, "nodes": {}, "outputs": {}}


def test_names_are_given_once() -> None:
    with Writing() as w:
        w.node(fatigue, "a", load=1)
        with pytest.raises(WorkflowError, match="there is a node a already"):
            w.node(fatigue, "a", load=1)
        w.output(a=w.input("x", default=1))
        with pytest.raises(WorkflowError, match="there is an output a already"):
            w.output(a=1)
        w.input("x")
        w.input("x", default=1)
        with pytest.raises(WorkflowError, match="input x has another default already"):
            w.input("x", default=2)
        w.input("y")
        w.input("y", default=None)
        assert w.definition()["inputs"] == {"x": {"default": 1}, "y": {"default": None}}
        with pytest.raises(TypeError, match="input load is given twice"):
            w.node(fatigue, inputs={"load": 1}, load=2)


def test_plain_arguments_run_here_also_inside() -> None:
    with Writing() as w:
        assert fatigue(10, cycles=5) == {"margin": 2}
        assert w.definition()["nodes"] == {}
        w.node(fatigue, load=10, cycles=5)
        assert list(w.definition()["nodes"]) == ["fatigue"]
    assert fatigue(10, cycles=5) == {"margin": 2}


def test_an_input_is_a_value_or_a_constant_as_a_whole() -> None:
    whole = "either one value of the workflow or a constant as a whole"
    with Writing() as w:
        x = w.input("x")
        for call in (
            lambda: fatigue([x, 1]),
            lambda: fatigue({"a": {"b": (1, x)}}),
            lambda: résistance(x, x),
            lambda: résistance(x, more_of=x),
            lambda: w.output(x=[x]),
            lambda: w.each([1, x]),
            lambda: w.node(fatigue, load=1, on_error="default", default=[x]),
            lambda: w.input("y", default=[x]),
            lambda: calculate({"x": {"y": x}}),
        ):
            with pytest.raises(WorkflowError, match=whole):
                call()
        with pytest.raises(EncodingError, match="WorkflowValue"):
            w.node(fatigue, load=Hidden(x))
        with pytest.raises(WorkflowError, match="inputs are named one by one"):
            calculate(x)


class Hidden(list):
    """Looks empty."""

    def __init__(self, inside: Any) -> None:
        super().__init__([inside])

    def __iter__(self) -> Any:
        return iter(()) if self.hiding() else super().__iter__()

    @staticmethod
    def hiding() -> bool:
        return "_workflow_value" in sys._getframe(2).f_code.co_filename


def test_values_stay_in_their_workflow() -> None:
    with Writing() as one, Writing() as other:
        x = one.input("x")
        with pytest.raises(WorkflowError, match="is not of workflow joint"):
            fatigue(x, other.input("y"))
        with pytest.raises(WorkflowError, match="is not of workflow joint"):
            other.output(x=x)
        with pytest.raises(WorkflowError, match="is not of workflow joint"):
            other.each(x)
        with pytest.raises(WorkflowError, match="is not of workflow joint"):
            other.node(fatigue, load=1, when=x)
        with pytest.raises(WorkflowError, match=r"kept at http://127.0.0.1:10, the workflow at"):
            one.node(Task(ELSEWHERE, TASK._told), x=1)
    with pytest.raises(WorkflowError, match="workflow joint is written already"):
        fatigue(x)
    with pytest.raises(WorkflowError, match="is not kept: its `with` failed"):
        one.execute()
    with pytest.raises(WorkflowError, match=r"is written inside `with`: with client\.workflow"):
        CLIENT.workflow("later").input("x")
    with pytest.raises(WorkflowError, match="written already"):
        one.__enter__()


def test_elements_are_of_one_list_and_in_inputs_only() -> None:
    with Writing() as w:
        case, other = w.each(w.input("cases")), w.each(fatigue(w.input("x")))
        with pytest.raises(WorkflowError, match="two lists.*cases.*result of node fatigue"):
            fatigue(case, other)
        with pytest.raises(WorkflowError, match="goes through two lists"):
            w.node(fatigue, each=w.input("y"), load=case)
        with pytest.raises(WorkflowError, match="in inputs of nodes only"):
            w.output(x=case["a"])
        with pytest.raises(WorkflowError, match="in inputs of nodes only"):
            w.node(fatigue, load=case, when=case["wanted"])
        with pytest.raises(WorkflowError, match="cannot be gone through by itself"):
            w.each(case["parts"])
        with pytest.raises(WorkflowError, match="each= of node fatigue_2 is a list"):
            w.node(fatigue, each=case["load"], load=1)
        w.node(fatigue, each=case, load=case["load"])
        assert w.definition()["nodes"]["fatigue_2"]["for_each"] == {"input": "cases"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"default": 1}, "go together"),
        ({"on_error": "default"}, "go together"),
        ({"on_error": "ignore"}, "'fail', 'skip' or 'default'"),
        ({"limits": {"memory_mb": 1}}, r"Limits\(\.\.\.\)"),
        ({"when": 1}, "or a bool"),
        ({"version": 2}, "a function is as it is here"),
        ({"lod": 1}, "unexpected keyword argument 'lod'"),
    ],
)
def test_an_option_without_a_meaning_is_told(options: Any, words: str) -> None:
    with Writing() as w:
        with pytest.raises(TypeError, match=words):
            w.node(fatigue, **{"load": 1, **options})
        assert w.definition()["nodes"] == {}


@CLIENT.task
def choosing(x, when=None, limits=1, *, name="", inputs=()):
    return x


@pytest.mark.parametrize("option", ["when", "limits", "name", "inputs"])
def test_an_option_of_a_node_swallows_no_input(option: str) -> None:
    words = rf"`{option}` is an input of <Calculation choosing.* and an option of node: give inputs"
    with Writing() as w:
        with pytest.raises(TypeError, match=words) as caught:
            w.node(choosing, x=1, **{option: w.input("y")})
        assert str(caught.value).endswith(f'node(..., inputs={{"{option}": ...}})')
        given = {"when": 1, "limits": w.input("y"), "name": "", "inputs": []}
        w.node(choosing, "a", inputs=given, x=1, when=True, limits=Limits(memory=512))
        w.node(calculate, "b", inputs={"x": 1})
        kept = Task(CLIENT, TASK._told | {"inputs": {"version": 1}})
        with pytest.raises(TypeError, match="`version` is an input of <Task"):
            w.node(kept, x=w.input("y"), version=2)
        kept(self=w.input("y"))
        w.output(self=1)
        nodes = w.definition()["nodes"]
    assert list(nodes) == ["a", "b", "Calcul_contrainte_vis"]
    assert nodes["a"]["when"] == {"value": True}
    assert nodes["a"]["inputs"]["limits"] == {"input": "y"}


def test_a_builder_is_left_as_its_client_is() -> None:
    async def story() -> None:
        client = AsyncMecaPy(base_url="http://127.0.0.1:9", token="t", retries=0)
        words = 'is an AsyncMecaPy: async with client.workflow("joint") as w:'
        with pytest.raises(TypeError, match=re.escape(words)), client.workflow("joint"):
            pass
        words = 'is no AsyncMecaPy: with client.workflow("joint") as w:'
        with pytest.raises(TypeError, match=re.escape(words)):
            async with CLIENT.workflow("joint"):
                pass

    asyncio.run(story())


def test_what_is_no_task_is_told() -> None:
    with Writing() as w:
        with pytest.raises(TypeError, match="put @client.task above it"):
            w.node(len, x=1)
        with pytest.raises(TypeError, match="is no task"):
            w.node(3, x=1)
        with pytest.raises(TypeError, match="wants a name"):
            w.node(TASK_ID, x=1)
        w.node(TASK_ID, "vis", x=1)
        assert w.definition()["nodes"]["vis"]["task"] == TASK_ID
    with pytest.raises(TypeError, match=r"execute\(\{\.\.\.\}\) runs it"):
        TASK(force=1)


def test_a_run_is_given_no_values() -> None:
    with Writing() as w:
        for call in (fatigue.remote, fatigue.submit):
            with pytest.raises(EncodingError, match="call the function itself to make a node"):
                call(w.input("load"))
        with pytest.raises(TypeError, match=r"w\.each\(\.\.\.\) has a node run once for each"):
            fatigue.map(w.input("loads"))
        with pytest.raises(EncodingError, match="entry 1: load is the <input x"):
            fatigue.map([1, w.input("x")])


def test_what_stands_there_is_not_changed_by_who_looks_at_it() -> None:
    with Writing() as w:
        fatigue(w.input("load"))
        w.definition()["nodes"].clear()
        assert list(w.definition()["nodes"]) == ["fatigue"]
        assert repr(w) == "<WorkflowBuilder 'joint', nodes: fatigue>"


def test_a_function_that_cannot_be_taken_along_is_told_where_it_is_called() -> None:
    lock = __import__("threading").Lock()

    def locked(x):
        return lock and x

    with Writing() as w, pytest.raises(SourceError, match="lock"):
        CLIENT.task(locked)(w.input("x"))


# What is sent


def told(server: Scripted) -> list[tuple[str, str, Any]]:
    """Method, path and body of each request."""
    return [(a.method, a.path, json.loads(a.body) if a.body else None) for a in server.asked]


def client_of(server: Scripted) -> MecaPy:
    return MecaPy(base_url=server.url, token="t", retries=0)


NONE = Answer(200, {"items": []})  # of a list
LOOKED_FOR = [("GET", "/api/tasks?limit=100", None), ("GET", "/api/workflows?limit=100", None)]


def task_of(number: int, version: int = 1) -> Answer:
    told = {"id": f"t{number}", "version": version, "name": "joint/scaled", "code": "before"}
    return Answer(201, told | {"limits": {}})


def workflow_of(version: int = 1) -> Answer:
    parts: dict[str, Any] = {"inputs": {}, "nodes": {}, "outputs": {}}
    return Answer(201, {"id": "w", "name": "joint", "version": version, "description": "", **parts})


def scaled(x, by=1.0):
    return x * by


def write(client: MecaPy, description: str | None = None, **options: Any) -> WorkflowBuilder:
    """A workflow of two nodes of one function."""
    function = client.task(**options)(scaled)
    with client.workflow("joint", description=description) as w:
        once = function(w.input("x"))
        w.output(y=function(once))
    return w


NODES = {
    "scaled": {
        "task": "t1",
        "version": 4,
        "inputs": {"x": {"input": "x"}, "by": {"value": 1.0}},
    },
    "scaled_2": {
        "task": "t1",
        "version": 4,
        "inputs": {"x": {"node": "scaled"}, "by": {"value": 1.0}},
    },
}


def test_functions_are_kept_first_and_once_each() -> None:
    with scripted(NONE, task_of(1, 4), NONE, workflow_of()) as server:
        w = write(client_of(server), description="d")
        looked, (method, path, task), looked_again, workflow = told(server)
    assert [looked, looked_again] == LOOKED_FOR
    assert (method, path) == ("POST", "/api/tasks")
    assert (task["name"], set(task)) == ("joint/scaled", {"name", "code"})
    assert workflow == (
        "POST",
        "/api/workflows",
        {
            "name": "joint",
            "description": "d",
            "inputs": {"x": {}},
            "nodes": NODES,
            "outputs": {"y": {"node": "scaled_2"}},
        },
    )
    assert w.definition()["nodes"] == NODES
    assert (w.workflow.id, w.workflow.version) == ("w", 1)


def test_what_was_kept_before_is_asked_for_and_changed() -> None:
    again = [task_of(1, 3), task_of(1, 4), workflow_of(), workflow_of(2)]
    with scripted(NONE, task_of(1), NONE, workflow_of(), *again) as server:
        client = client_of(server)
        write(client)
        assert write(client).workflow.version == 2
        asked = told(server)[4:]
    assert [(method, path) for method, path, _ in asked] == [
        ("GET", "/api/tasks/t1"),
        ("PATCH", "/api/tasks/t1"),
        ("GET", "/api/workflows/w"),
        ("PATCH", "/api/workflows/w"),
    ]
    assert set(asked[1][2]) == {"code"}
    assert asked[3][2] == {
        "inputs": {"x": {}},
        "nodes": NODES,
        "outputs": {"y": {"node": "scaled_2"}},
    }


def test_an_exception_inside_keeps_nothing() -> None:
    with scripted(task_of(1)) as server:
        client = client_of(server)
        with pytest.raises(ZeroDivisionError), client.workflow("joint") as w:
            w.output(x=fatigue(w.input("x"), 1 / 0))
        with pytest.raises(WorkflowError, match="has no node"), client.workflow("joint"):
            pass
        with pytest.raises(WorkflowError, match="has no output"), client.workflow("joint") as w:
            fatigue(w.input("x"))
        assert server.asked == []
    with pytest.raises(TypeError, match="the name of a workflow is a text"):
        CLIENT.workflow(fatigue)


PROBLEMS = [
    {"pointer": "/nodes/preload/inputs/torque", "detail": f"it is missing: {TASK_ID} needs it"},
    {"pointer": "/nodes/a~1b/for_each", "detail": "it is no list"},
    {"pointer": "/nodes/preload", "detail": "no output needs it"},
    {"pointer": "/nodes/preload/limits/memory_mb", "detail": "over the ceiling"},
    {"pointer": "/outputs/margin", "detail": "there is no node x"},
    {"pointer": "/inputs/bolt", "detail": "it is there twice"},
    {"pointer": "/name", "detail": "is too long"},
    {"pointer": "", "detail": "is too large"},
]
WORDS = """the workflow will not do:
  node preload, input torque: it is missing: scaled needs it
  node a/b, each: it is no list
  node preload: no output needs it
  node preload, limits.memory_mb: over the ceiling
  output margin: there is no node x
  input bolt: it is there twice
  name: is too long
  the workflow: is too large"""


def test_what_the_server_finds_is_said_in_words_of_nodes() -> None:
    kept = Answer(201, {"id": TASK_ID, "version": 1, "name": "n"})
    wrong = Answer(422, {"code": "invalid_fields", "detail": "no", "errors": PROBLEMS})
    answers = [NONE, kept, NONE, wrong]
    with scripted(*answers) as server, pytest.raises(WorkflowError) as caught:
        write(client_of(server))
    assert str(caught.value) == WORDS
    assert caught.value.code == "invalid_fields"
    assert [one.pointer for one in caught.value.problems] == [p["pointer"] for p in PROBLEMS]
    assert isinstance(caught.value, InvalidRequestError)


def test_what_the_server_finds_in_a_function_names_it() -> None:
    problem = {"pointer": "/limits/memory_mb", "detail": "over the ceiling of 4096"}
    wrong = Answer(422, {"code": "invalid_fields", "detail": "no", "errors": [problem]})
    with (
        scripted(NONE, wrong) as server,
        pytest.raises(
            WorkflowError, match="the function scaled of workflow joint: no\n  /limits/memory_mb"
        ),
    ):
        write(client_of(server), memory=8192)


def test_one_problem_is_one_line() -> None:
    wrong = Answer(422, {"code": "invalid_fields", "detail": "no", "errors": PROBLEMS[:1]})
    with scripted(wrong) as server, pytest.raises(WorkflowError) as caught:
        client_of(server).workflows.check({"nodes": {}})
    assert str(caught.value) == f"node preload, input torque: {PROBLEMS[0]['detail']}"


def test_an_answer_without_places_is_told_as_it_is() -> None:
    with scripted(Answer(413, {"detail": "too large"})) as server:
        with pytest.raises(InvalidRequestError, match="too large") as caught:
            client_of(server).workflows.create("w", {"nodes": {}})
        assert type(caught.value) is InvalidRequestError


def test_the_awaited_builder_writes_the_same() -> None:
    run = {"id": "r", "workflow_run_id": "r", "workflow_id": "w", "status": "running"}

    async def story(url: str) -> Any:
        async with AsyncMecaPy(base_url=url, token="t", retries=0) as client:
            function = client.task(scaled)
            async with client.workflow("joint") as w:
                once = function(w.input("x"))
                w.output(y=function(once))
            assert w.workflow.version == 1
            assert (await w.execute(x=2)).id == "r"
            with pytest.raises(NotFoundError):
                async with client.workflow("joint") as w:
                    raise NotFoundError("the author's own")
            with pytest.raises(WorkflowError, match=r"async with client\.workflow"):
                client.workflow("b").input("x")
            return w

    answers = [NONE, task_of(1, 4), NONE, workflow_of(), Answer(202, run)]
    with scripted(*answers) as server:
        asyncio.run(story(server.url))
        *_, (_, _, body), (method, path, inputs) = told(server)
    assert body == {
        "name": "joint",
        "inputs": {"x": {}},
        "nodes": NODES,
        "outputs": {"y": {"node": "scaled_2"}},
    }
    assert (method, path, inputs) == (
        "POST", "/api/workflows/w/execute", {"inputs": {"x": 2}},
    )  # fmt: skip


def test_functions_are_as_quick_as_before_outside_of_workflows() -> None:
    assert isinstance(WorkflowValue, type)
    long = Counting(range(1000))
    fatigue_of_many = CLIENT.task(many)
    assert fatigue_of_many(long) == 1000
    assert long.gone_through == 0
    with Writing() as w:
        assert fatigue_of_many(long) == 1000
        assert w.definition()["nodes"] == {}
    assert long.gone_through == 1


def many(values):
    return len(values)


class Counting(list):
    gone_through = 0

    def __iter__(self) -> Any:
        self.gone_through += 1
        return super().__iter__()
