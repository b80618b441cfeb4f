"""Shell completion in real shells, and docs/cli.md, which is made from the same table."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.person import Person, Terminal
from support.server import ROOT, Server, binary, environment, run_mecapy

SHELLS = {
    "bash": (
        ["bash", "--norc", "-i"],
        "mecapy() { (IFS=,; echo \"GOT:$*\"); }; PS1='> '; source {}\n",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        "mecapy() {{ print -r -- GOT:${{(j:,:)@}} }}; PS1='> '; autoload -Uz compinit; "
        "compinit -D; source {}\n",
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        "function mecapy; echo GOT:(string join -- , $argv); end; source {}\n",
    ),
}
# What is typed, a tab for each ~, and the words that the command gets.
TYPED = {
    "mecapy task cre~--desc~x": "task,create,--description,x",
    "mecapy run cal~--prof~conta~": "run,calc.py,--profile,container",
    "mecapy logs --fol~last": "logs,--follow,last",
    "mecapy completion fi~": "completion,fish",
    "mecapy run calc.py -o fold~": "run,calc.py,-o,folder",
}
# The same of what a server knows: the task, whose name begins so, "two words", and the only run.
ASKED = {
    "mecapy task show bol~--code": "task,show,bolt,--code",
    "mecapy task run two~": "task,run,two words",
    "mecapy task delete go~": "task,delete,go; touch owned",
    "mecapy task update -i a=1 bol~cal~": "task,update,-i,a=1,bolt,calc.py",
    "mecapy runs --task bol~": "runs,--task,bolt",
    "mecapy logs -f 0~": "logs,-f,RUN",
    "mecapy result las~": "result,last",
    "mecapy workflow show jo~": "workflow,show,joint",
    "mecapy workflow delete jo~": "workflow,delete,joint",
    "mecapy workflow check cha~": "workflow,check,chain.yaml",
    "mecapy workflow run cha~": "workflow,run,chain.yaml",
    "mecapy workflow resume 0~": "workflow,resume,FLOW",
    "mecapy result --server http://a.example las~": "result,--server,http://a.example,las",
}


@pytest.fixture(scope="module")
def reference() -> str:
    """All commands, as Markdown."""
    done = run_mecapy("help", "reference")
    assert done.returncode == 0
    return done.stdout


def script(folder: Path, shell: str) -> Path:
    """The completion of this shell, as a file."""
    done = run_mecapy("completion", shell)
    assert done.returncode == 0, done.stderr
    path = folder / f"completion.{shell}"
    path.write_text(done.stdout)
    return path


def at_shell(shell: str, folder: Path, settings: dict[str, str]) -> Terminal:
    """A shell that has read its completion, and shows what `mecapy` would get."""
    command, set_up = SHELLS[shell]
    path = str(script(folder, shell))
    own = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "TERM": "xterm"}
    own |= {"LC_ALL": "C.UTF-8", "PATH": f"{binary().parent}:{os.environ['PATH']}"}
    terminal = Terminal(command, environment(settings) | own, folder)
    terminal.types(set_up.replace("{{", "{").replace("}}", "}").replace("{}", path))
    terminal.types("mecapy ready\n")
    terminal.expect("GOT:ready")
    return terminal


def completes(terminal: Terminal, lines: dict[str, str]) -> None:
    """Each line becomes what is said of it."""
    for typed, got in lines.items():
        for piece in re.findall(r"[^~]*~|[^~]+$", typed):
            terminal.types(piece.replace("~", "\t"))
            terminal.settles()
        terminal.types("\n")
        terminal.expect(f"GOT:{got}")
    terminal.types("exit\n")
    terminal.ends()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_commands_flags_words_and_files(shell: str, tmp_path: Path) -> None:
    (tmp_path / "calc.py").write_text("")
    (tmp_path / "folder").mkdir()
    completes(at_shell(shell, tmp_path, {}), TYPED)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_what_the_server_knows(
    shell: str, tmp_path: Path, server: Server
) -> None:
    (tmp_path / "calc.py").write_text("def calculate(inputs):\n    return 1\n")
    person = Person(tmp_path, server.url, server.add_user(f"completes-{shell}"))
    for name in ("bolt", "two words", "go; touch owned", "bad\x1b[2Jname"):
        person.does("task", "create", "calc.py", "--name", name)
    run = person.gets("task", "run", "bolt", "--json")["id"]
    (tmp_path / "chain.yaml").write_text(
        "nodes: {w: {task: calc.py, when: {value: false}}}\noutputs: {n: {node: w}}\n"
    )
    person.does("workflow", "create", "chain.yaml", "--name", "joint")
    flow = person.gets("workflow", "run", "joint", "--json")["id"]
    asked = {typed: got.replace("RUN", run).replace("FLOW", flow) for typed, got in ASKED.items()}
    completes(at_shell(shell, tmp_path, person.settings), asked)
    assert not (tmp_path / "owned").exists()


def test_what_a_server_knows_is_offered_in_silence_or_not_at_all(
    tmp_path: Path, server: Server
) -> None:
    (tmp_path / "calc.py").write_text("def calculate(inputs):\n    return 1\n")
    person = Person(tmp_path, server.url, server.add_user("completes-alone"))
    assert person.does("completion", "runs").stdout == ""
    for name in ("bolt", "bad\x1b[2Jname", "-rf"):
        person.does("task", "create", "calc.py", f"--name={name}", "--description", "a\tb")
    run = person.gets("task", "run", "bolt", "--json")["id"]
    assert person.does("completion", "tasks").stdout == "bolt\ta b\n"
    lines = person.does("completion", "runs").stdout.splitlines()
    assert lines[0] == "last\tthe newest"
    assert re.fullmatch(rf"{run}\tcompleted, \d+ s ago", lines[1])
    workflow = {"nodes": {"w": {"task": "bolt"}}, "outputs": {"n": {"node": "w"}}}
    (tmp_path / "w.json").write_text(json.dumps(workflow))
    flow = person.does("workflow", "run", "w.json", "--detach").stdout.strip()
    assert person.does("completion", "workflows").stdout == "w\t\n"
    assert person.does("completion", "workflow-runs").stdout.splitlines()[1].startswith(flow)
    with silent_server() as url:
        for nobody in (
            Person(tmp_path),
            Person(tmp_path, server.url, "a-token-of-nobody"),
            Person(tmp_path, "http://127.0.0.1:9", "a-token-of-nobody"),
            Person(tmp_path, url, "a-token-of-nobody"),
        ):
            done = nobody.does("completion", "tasks", timeout_s=10)
            assert (done.stdout, done.stderr) == ("", "")


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """One that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_bash_offers_every_flag_that_a_command_has(reference: str, tmp_path: Path) -> None:
    path = script(tmp_path, "bash")
    heading = r"^### `(mecapy [a-z ]+?)(?: [A-Z\[][^\n]*)?`\n"
    commands = re.findall(heading + r"(.*?)(?=^##|\Z)", reference, re.MULTILINE | re.DOTALL)
    assert len(commands) > 20
    for words, rows in commands:
        cells = re.findall(r"^\| `(-[^`]*)` \|", rows, re.MULTILINE)
        flags = {word for cell in cells for word in re.split("[, ]+", cell) if word[0] == "-"}
        asked = (
            f"source {path}; COMP_WORDS=({words} -); COMP_CWORD={len(words.split())}; "
            '_mecapy; printf "%s\\n" "${COMPREPLY[@]}"'
        )
        done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
        assert set(done.stdout.split()) == flags | {"-h", "--help"}, words


def test_the_page_of_commands_is_as_make_docs_cli_writes_it(tmp_path: Path) -> None:
    before = (ROOT / "docs" / "cli.md").read_text()
    page = tmp_path / "cli.md"
    page.write_text(re.sub(r"(?s)(<!-- mecapy help \S+ -->\n).*?(<!-- end)", r"\1old\n\2", before))
    fill = [ROOT / "tools/docs_reference.py", "--binary", binary(), "--fill", page]
    subprocess.run([sys.executable, *map(str, fill)], check=True)
    assert page.read_text() == before, "make docs-cli writes it anew"


def test_the_page_of_commands_has_every_topic(reference: str) -> None:
    [topics] = re.findall(r"a command, or a topic: (.+?) \|", reference)
    page = (ROOT / "docs" / "cli.md").read_text()
    assert sorted(re.findall(r"<!-- mecapy help (\S+) -->", page)) == sorted(topics.split())


def test_every_command_with_json_tells_what_it_prints(reference: str) -> None:
    sections = re.findall(
        r"(?ms)^### `mecapy ([a-z ]+?)(?: [A-Z\[].*?)?`$(.*?)(?=^###? |\Z)", reference
    )
    with_flag = {words for words, text in sections if "| `--json` |" in text}
    told = run_mecapy("help", "json").stdout.partition("COMMAND ")[2]
    assert with_flag == {line.partition("  ")[0] for line in told.splitlines()[1:]}


def test_every_command_has_a_help_with_an_example(reference: str) -> None:
    commands = re.findall(r"^### `mecapy ([a-z ]+?)(?: [A-Z\[].*)?`$", reference, re.MULTILINE)
    for words in commands:
        for asked in ([*words.split(), "--help"], ["help", *words.split()]):
            done = run_mecapy(*asked)
            assert done.returncode == 0, words
            assert f"Usage: mecapy {words}" in done.stdout
            assert "Example:\n  mecapy" in done.stdout or "Example:\n  source" in done.stdout


def test_examples_are_commands_that_there_are(tmp_path: Path, reference: str) -> None:
    (tmp_path / "calc.py").write_text("def calculate(i):\n    return 1\n")
    (tmp_path / "inputs.json").write_text("{}")
    person = Person(tmp_path, "http://127.0.0.1:1", "x")
    examples = re.findall(r"^mecapy (.*)$", reference, re.MULTILINE)
    assert len(examples) > 20
    for line in examples:
        words = line.partition(" <")[0].partition(" >")[0].split()
        if words[0] in ("serve", "worker", "run", "login", "token", "doctor"):
            continue
        done = person.does(*words, status=None)
        assert done.returncode != 64, (line, done.stderr)


def test_help_of_an_unknown_word_names_the_nearest() -> None:
    for words, said in ((["tsk"], "did you mean task?"), (["exit-code"], "exit-codes?")):
        done = run_mecapy("help", *words)
        assert done.returncode == 64
        assert said in done.stderr
    assert str(binary())
