"""The command line at a server: the files of a run."""

from support.api import Api
from support.calculations import FILES
from support.person import Person


def test_files_are_fetched_below_the_folder(person: Person, there: Api) -> None:
    person.does("run", person.file(FILES), "--remote")
    person.does("download", "last", "-o", "out")
    assert (person.home / "out/tables/one.csv").read_text() == "1,2\n"
    assert (person.home / "out/two.bin").read_bytes() == bytes(range(256)) * 5000
    assert len(list((person.home / "out").iterdir())) == 2  # nothing half-way is left
    [kept] = person.gets("download", "last", "tables/one.csv", "-o", "one", "--json")
    assert kept["path"] == "one/tables/one.csv"
    assert not (person.home / "one/two.bin").exists()
    done = person.does("download", "last", "three", status=66)
    assert "two.bin" in done.stderr
    person.does("run", "calc.py", "--remote", "-o", "kept")
    assert (person.home / "kept/two.bin").stat().st_size == 1_280_000


def test_what_is_there_is_not_lost(person: Person) -> None:
    person.does("run", person.file(FILES), "--remote")
    (person.home / "two.bin").write_text("mine")
    done = person.does("download", "last", "two.bin", status=65)
    assert "--force" in done.stderr
    assert (person.home / "two.bin").read_text() == "mine"
    person.does("download", "last", "two.bin", "--force")
    assert (person.home / "two.bin").stat().st_size == 1_280_000
    assert "already there" in person.does("download", "last", "two.bin").stderr


def test_no_link_leads_out_of_the_folder(person: Person) -> None:
    person.does("run", person.file(FILES), "--remote")
    for name in ("elsewhere", "out"):
        (person.home / name).mkdir()
    (person.home / "out/tables").symlink_to(person.home / "elsewhere")
    (person.home / "out/two.bin").symlink_to(person.home / "victim")
    person.does("download", "last", "-o", "out", status=None)
    assert list((person.home / "elsewhere").iterdir()) == []
    assert not (person.home / "victim").exists()
    person.does("download", "last", "two.bin", "-o", "out", "--force", status=None)
    assert not (person.home / "victim").exists()
