"""Attacks on what reads code and inputs, before a line of the author's runs."""

from security.attack import Attack, at_the_wall, fails, returns


def hostile(name: str, value: object) -> Attack:
    """An input that the encoding cannot read."""
    return Attack(f"inputs: {name}", fails("user_error", "^the inputs cannot be read"),
                  "return 1", inputs={"x": value})  # fmt: skip


INPUTS = [
    hostile("an unknown kind", {"$type": "pickle", "value": "gASVAA=="}),
    hostile("a kind that is none", {"$type": ["ndarray"]}),
    hostile("a decimal that is none", {"$type": "decimal", "value": "x"}),
    hostile("a fraction of nothing", {"$type": "fraction", "value": "1/0"}),
    hostile("a time past all time", {"$type": "timedelta", "microseconds": 1e300}),
    hostile("an array of gigabytes",
            {"$type": "ndarray", "dtype": "S2000000000", "shape": [1], "data": ["a"]}),
    hostile("an array of another shape",
            {"$type": "ndarray", "dtype": "float64", "shape": [1 << 40, 1 << 40], "data": [1]}),
    hostile("an array of objects of a class",
            {"$type": "ndarray", "dtype": "os.system", "shape": [1], "data": ["true"]}),
    hostile("a dict whose keys are lists of dicts",
            {"$type": "dict", "items": [[[{"a": 1}], 1]]}),
    hostile("a frame of nothing", {"$type": "dataframe", "columns": 1}),
    Attack("inputs: keys that mean something elsewhere",
           returns(["", "\0", "__class__", "a\u202eb"]),
           "return sorted(inputs)", inputs={"": 1, "\0": 2, "__class__": 3, "a\u202eb": 4}),
]  # fmt: skip


def written(name: str, module: str, code: str = "invalid_code", message: str = "") -> Attack:
    """A whole file whose reading is the attack."""
    limits = at_the_wall() if code == "timeout" else {}
    return Attack(f"code: {name}", fails(code, message), limits=limits, module=module)


_DEF = "def calculate(inputs): return "
CODE = [
    written("brackets without end", _DEF + "(" * 100_000, message="too many nested parentheses"),
    written("signs without end", _DEF + "-" * 100_000 + "1"),
    written("a sum of a hundred thousand terms", _DEF + "1" + "+1" * 100_000),
    written("indented without end", "".join(f"{' ' * n}if 1:\n" for n in range(200)),
            message="too many levels of indentation"),
    written("a constant that is computed for ever", _DEF + "0\nx = 9 ** 9 ** 9", "timeout"),
    written("a function that is a class that calls itself", """
class calculate:
    def __new__(cls, inputs): return calculate(inputs)
""", "user_error", "RecursionError"),
    written("never comes to its function", "while True: pass\n" + _DEF + "1", "timeout"),
]  # fmt: skip
