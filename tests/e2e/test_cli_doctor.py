"""The command line: what works on this machine, and for which users."""

import re
import subprocess
from pathlib import Path

import pytest

from support.server import ROOT, binary, environment, run_mecapy


def test_doctor_says_what_works_here(open_folder: Path) -> None:
    done = run_mecapy("doctor", "--data-dir", str(open_folder / "data"))
    assert done.returncode == 0, done.stdout + done.stderr
    text = done.stdout.lower()
    for layer in ("namespace", "seccomp", "cgroup", "no_new_privs"):
        assert layer in text, layer
    assert "machines: none are made for runs (machines.placers is empty)" in text


def test_doctor_fails_where_runs_would_not_be_isolated(open_folder: Path) -> None:
    done = subprocess.run(
        [str(binary()), "doctor", "--data-dir", str(open_folder / "data")],
        env=environment({}),
        user="nobody",
        group="nogroup",
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 71, done.stdout + done.stderr
    assert "This machine cannot run calculations safely in the profile host" in done.stdout
    # The one advice that helps; what else is refused follows from it.
    advice = [line for line in done.stdout.splitlines() if line.startswith("  -> ")]
    assert advice[0].startswith("  -> start as root")
    assert not any("sysctl" in line for line in advice)


def test_doctor_tells_when_runs_may_ask_for_more_memory_than_there_is(open_folder: Path) -> None:
    large = {"MECAPY_LIMITS_MAX_MEMORY_MB": "100000000", "MECAPY_WORKER_CONCURRENCY": "3"}
    arguments = ("doctor", "--data-dir", str(open_folder / "data"))
    told = run_mecapy(*arguments, settings=large).stdout
    assert "memory: 3 runs of up to 1e+08 MiB" in told
    assert "lower limits.max_memory_mb or worker.concurrency" in told
    assert "memory: " not in run_mecapy(*arguments).stdout


# A clone may lie in a folder that is closed to others; without a root of their own, runs reach what
# they need by its path.
IN_THE_OPEN = (
    "mount -t tmpfs -o mode=755 tmpfs /mnt && mkdir /mnt/build /mnt/runtime && "
    f"mount --bind {binary().parent} /mnt/build && "
    f"mount --bind {ROOT / 'runtime' / 'python'} /mnt/runtime && "
    "export MECAPY_WORKER_RUNTIME=/mnt/runtime"
)


def in_the_open(*asked: str, first: str = "true") -> "subprocess.CompletedProcess[str]":
    """The program in such a place, after the shell's command `first`."""
    script = f'{IN_THE_OPEN} && {first} && exec /mnt/build/mecapy "$@"'
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "mecapy", *asked],
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_doctor_tells_of_the_profile_that_is_asked_for(open_folder: Path) -> None:
    asked = ("doctor", "--profile", "container", "--data-dir", str(open_folder / "data"))
    done = in_the_open(*asked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^files kept apart +enforced +required", done.stdout, re.MULTILINE)
    assert "user namespace " not in done.stdout
    assert "can run calculations safely in the profile container" in done.stdout
    done = run_mecapy("doctor", "--profile", "weaker")
    assert done.returncode == 64
    assert "must be one of host, container" in done.stderr


# What an operator's shell may have set, and no run may be hindered by.
@pytest.mark.parametrize("first", ["umask 077", "renice -n 15 $$ >/dev/null"])
@pytest.mark.parametrize("profile", ["host", "container"])
def test_a_run_does_not_mind_how_its_worker_was_started(
    open_folder: Path, profile: str, first: str
) -> None:
    code = "import os\ndef calculate(inputs):\n    return os.umask(0)\n"
    (open_folder / "calc.py").write_text(code)
    done = in_the_open("run", "--profile", profile, str(open_folder / "calc.py"), first=first)
    assert (done.returncode, done.stdout) == (0, f"{0o022}\n"), done.stderr


@pytest.mark.parametrize("name", ["file", "file/data", "closed/data"])
def test_doctor_and_serve_agree_on_a_data_folder_that_cannot_be(
    open_folder: Path, name: str
) -> None:
    (open_folder / "file").write_text("mine")
    (open_folder / "closed").mkdir(mode=0o700)
    folder = str(open_folder / name)
    done = run_mecapy("doctor", "--data-dir", folder)
    assert done.returncode == 71, done.stdout
    assert f"data folder {folder}: " in done.stdout
    assert run_mecapy("serve", "--port", "0", "--data-dir", folder).returncode in (64, 74)


def doctor_with(files: dict[str, str], folder: Path) -> str:
    """What doctor says when these files stand in /etc, in a mount namespace of its own."""
    script = ""
    for name, text in files.items():
        (folder / name).write_text(text)
        script += f"mount --bind {folder / name} /etc/{name} && "
    command = f"{script}exec {binary()} doctor --data-dir {folder / 'data'}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command],
        env=environment({"MECAPY_WORKER_UID_BASE": "1200000"}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_doctor_tells_whose_the_wanted_user_ids_are(open_folder: Path) -> None:
    passwd = Path("/etc/passwd").read_text() + "carol:x:64100:64100::/home/carol:/bin/sh\n"
    files = {"subuid": "alice:1165536:65536\n", "passwd": passwd}
    said = doctor_with(files, open_folder)
    assert re.search(r"^user ids +enforced +required +1231072 to 12310\d\d, ", said, re.MULTILINE)
    assert "1165536 to 1231071 are subordinate ids of alice" in said
    assert re.search(r"^  -> user ids: .*worker\.uid_base", said, re.MULTILINE)
    assert re.search(r"^  -> user 64100 .*64100 is the user carol.*server\.run_as_uid", said, re.M)
    said = doctor_with({"subuid": "", "passwd": Path("/etc/passwd").read_text()}, open_folder)
    assert "1200000 to 12000" in said
    assert "->" not in said


def test_a_server_that_shares_its_user_says_so_and_one_without_free_ids_refuses(
    open_folder: Path,
) -> None:
    (open_folder / "subuid").write_text("alice:64000:4294900000\n")
    done = subprocess.run(
        [
            *("unshare", "--mount", "sh", "-c"),
            f"mount --bind {open_folder / 'subuid'} /etc/subuid && "
            f"exec {binary()} serve --port 0 --data-dir {open_folder / 'data'}",
        ],
        env=environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 71, done.stdout + done.stderr
    assert "warning: user 64100 serves the data folder" in done.stderr
    assert "user ids" in done.stderr
    assert "subordinate ids of alice" in done.stderr
    assert "token" not in done.stdout
    assert not (open_folder / "data" / "token").exists()
