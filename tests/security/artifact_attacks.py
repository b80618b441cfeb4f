"""Attacks with what a run hands over as artifacts: by frames of its own, and by files in /work."""

import json

from security.attack import Attack, at_the_wall, fails, returns


def named(name: str) -> Attack:
    """An artifact frame with a name that can be none."""
    payload = json.dumps({"name": name, "size": 0}).encode()
    return Attack(f"an artifact named {name[:20]!r}", fails("invalid_result", "artifact name"),
                  f"frame(b'A', {payload!r})\nframe(b'E')\nreturn 1")  # fmt: skip


def sent(name: str, frames: str, code: str, message: str, *kept: str) -> Attack:
    """Artifact frames in an order or a size that cannot be; what was whole before is kept."""
    ends = fails(code, message)
    return Attack(f"artifacts: {name}", ends, f"{frames}\nreturn 1", artifacts=kept)


def changed(name: str, act: str) -> Attack:
    """A file that is another one by the time it is opened, as a child could arrange it."""
    ends = fails("invalid_result", "changed while it was sent")
    return Attack(f"a file that becomes {name}", ends, f"""
import mecapy._artifacts as artifacts
send = artifacts._send
def swap(channel, file):
    path = file.path
    os.remove(path)
    {act}
    send(channel, file)
artifacts._send = swap
open('out.txt', 'w').write('honest')
return 1
""")  # fmt: skip


_BEGIN = 'frame(b\'A\', b\'{"name":"a","size":%s}\')'
ARTIFACTS = [
    *map(named, ("../x", "/etc/passwd", "a/../b", ".hidden", "a//b", "a/", "", "a\0b", "a\nb",
                 "\u202etxt.exe", "\u200b", "a\\b", " a", "a ", "a/ b", "a\"b", "a:b", "a\u0085b",
                 "x" * 201, "a/.b/c")),
    sent("more bytes than declared", _BEGIN % 1 + "\nframe(b'D', b'xx')", "invalid_result",
         "longer than it declared"),
    sent("fewer bytes than declared", _BEGIN % 2 + "\nframe(b'D', b'x')\nframe(b'E')",
         "invalid_result", "shorter than it declared"),
    sent("bytes of none", "frame(b'D', b'x')", "invalid_result", "outside an artifact"),
    sent("the end of none", "frame(b'E')", "invalid_result", "the end of no artifact"),
    sent("one in another", (_BEGIN + "\n" + _BEGIN) % (1, 1), "invalid_result", "inside"),
    sent("one left open", _BEGIN % 1, "invalid_result", "unfinished"),
    sent("a negative size", _BEGIN % -1, "invalid_result", "a size"),
    sent("a size past all numbers", _BEGIN % (1 << 63), "invalid_result", "a size"),
    sent("a size that is no whole number", _BEGIN % 1.5, "invalid_result", "a size"),
    sent("a size over the limit", _BEGIN % (9 << 20), "output_limit", "more than 8 MiB"),
    sent("many that together are over it",
         "for n in range(3):\n"
         "    frame(b'A', b'{\"name\":\"%d\",\"size\":%d}' % (n, 3 << 20))\n"
         "    for _ in range(12): frame(b'D', bytes(1 << 18))\n"
         "    frame(b'E')",
         "output_limit", "more than 8 MiB", "0", "1"),
    sent("more than are kept",
         "for n in range(257): frame(b'A', b'{\"name\":\"%d\",\"size\":0}' % n), frame(b'E')",
         "output_limit", "more than 256 files", *map(str, range(256))),
    sent("bytes of nothing", _BEGIN % 1 + "\nframe(b'D')", "invalid_result", "without bytes"),
    Attack("an artifact begun, then a crash", fails("crashed", "SIGKILL"), _BEGIN % 9 + """
frame(b'D', b'half')
os.kill(os.getpid(), 9)
"""),
    changed("a pipe", "os.mkfifo(path)"),
    changed("a link", "os.symlink('/etc/passwd', path)"),
    changed("a device", "os.symlink('/dev/zero', path)"),
    changed("a folder", "os.mkdir(path)"),
    changed("nothing", "pass"),
    changed("shorter", "open(path, 'w').write('short'[:1])"),
    Attack("links, pipes, devices and hidden files", returns(1), """
os.symlink('/etc/passwd', 'link')
os.symlink('/dev/zero', 'zero')
os.symlink('/', 'root')
os.symlink('link', 'again')
os.mkfifo('pipe')
open('.hidden', 'w').write('x')
os.link('.hidden', 'good')
return 1
""", artifacts=("good",), log=".*'pipe' is not kept as an artifact: not a file.*"),
    Attack("names no file should have", returns(1), """
for name in ('a\\nb', '\\u202etxt.exe', 'x' * 255, '\\x1b[2J', ' ', 'a;rm -rf', '-rf', b'\\xff',
             'ok'):
    open(name, 'w').write('x')
return 1
""", artifacts=("-rf", "a;rm -rf", "ok"),
           log=r"(mecapy: '[ -~]*' is not kept as an artifact: [ -~]*\n){6}"),
    Attack("ten thousand files", fails("output_limit", "10000 files"), """
for n in range(10_000): open(f'{n}', 'w').close()
return 1
""", {"disk_mb": 64}),
    Attack("a folder nobody may read", returns(1), """
os.mkdir('closed', 0o000)
open('ok', 'w').write('x')
return 1
""", artifacts=("ok",), log=".*'closed/' is not kept as an artifact: it cannot be read.*"),
    Attack("a file nobody may read", returns(1), """
open('closed', 'w').write('x')
os.chmod('closed', 0o000)
open('ok', 'w').write('x')
return 1
""", artifacts=("ok",), log=".*'closed' is not kept as an artifact: it cannot be read.*"),
    Attack("a working folder nobody may read", returns(1), "os.chmod(WORK, 0)\nreturn 1",
           log=".*is not kept as an artifact: it cannot be read.*"),
    Attack("folders deeper than any path", returns(1), """
for _ in range(40):
    os.mkdir('d' * 200)
    os.chdir('d' * 200)
return 1
""", log=".*is not kept as an artifact.*"),
    Attack("a writer whose flush waits for ever", fails("timeout"), """
os.mkfifo(TMP + '/pipe')
file = open(os.open(TMP + '/pipe', os.O_RDWR), 'w', 1 << 20)
os.write(file.fileno(), bytes(65536))
file.write('x' * 1000)
open('out', 'w').write('x')
return 1
""", at_the_wall()),
]  # fmt: skip
