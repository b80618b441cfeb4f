"""The package as it is installed: both kinds, in an empty environment, typed, for Python 3.10."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from support.server import DEV_TOKEN, Server

HERE = Path(__file__).resolve().parents[1]

USE = """
import sys
from mecapy import MecaPy, progress
assert "pandas" not in sys.modules and "numpy" not in sys.modules
client = MecaPy()
@client.task
def stress(force, section):
    progress(1.0, "done")
    return force / section
print(stress.remote(1000, section=10), stress.map([(1, 2), (3, 4)]).results())
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel and the sdist are; the wheel is made from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(HERE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_both_hold_the_package_and_nothing_else(built: Path) -> None:
    modules = {f"mecapy/{path.name}" for path in (HERE / "src/mecapy").iterdir() if path.is_file()}
    [wheel], [sdist] = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as opened:
        held = {name for name in opened.namelist() if ".dist-info/" not in name}
        meta = next(n for n in opened.namelist() if n.endswith("METADATA"))
        text = opened.read(meta).decode()
    assert held == modules
    required = [line for line in text.splitlines() if line.startswith("Requires-Dist")]
    assert [line for line in required if "extra ==" not in line] == [
        "Requires-Dist: httpx<1,>=0.27"
    ]
    with tarfile.open(sdist) as opened:
        files = {m.name.split("/", 1)[1]: m for m in opened.getmembers() if "/" in m.name}
    assert {f"src/{name}" for name in modules} <= set(files)
    assert all(member.isfile() for member in files.values())


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_it_works_in_an_empty_environment(
    built: Path, kind: str, tmp_path: Path, server: Server
) -> None:
    [package] = built.glob(kind)
    venv.create(tmp_path / "venv", symlinks=True)
    python = tmp_path / "venv" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", str(package)]
    subprocess.run(install, check=True, timeout=120)
    program = tmp_path / "use.py"
    program.write_text(USE)
    environment = {"MECAPY_URL": server.url, "MECAPY_TOKEN": DEV_TOKEN, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [str(python), str(program)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "100.0 [0.5, 0.75]\n"


def test_nothing_newer_than_python_3_10_is_used() -> None:
    command = [
        str(Path(sys.executable).with_name("vermin")), "-t=3.10-", "--violations", "--no-tips",
        "--eval-annotations", str(HERE / "src"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_who_uses_it_sees_its_types(tmp_path: Path) -> None:
    program = tmp_path / "typed.py"
    program.write_text(
        "from mecapy import Limits, MecaPy\n"
        "client = MecaPy(token='t')\n"
        "task = client.tasks.create('n', 'x', limits=Limits(memory='1 GiB'))\n"
        "@client.task(memory='1 GiB')\n"
        "def f(x: float) -> float:\n"
        "    return x\n"
        "run = f.submit(1.0)\n"
        "reveal_type(run.status)\n"
        "client.tasks.create(3, 'x')\n"
        "f.nothing()\n"
    )
    command = [
        sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent",
        "--cache-dir", str(tmp_path), str(program),
    ]  # fmt: skip
    environment = dict(os.environ, MYPYPATH=str(HERE / "src"))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert "Literal['queued'" in done.stdout
    assert 'typed.py:9: error: Argument 1 to "create" of "Tasks"' in done.stdout
    assert 'typed.py:10: error: "Calculation" has no attribute "nothing"' in done.stdout
    assert "Found 2 errors" in done.stdout
