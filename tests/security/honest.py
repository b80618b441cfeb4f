"""The run of somebody honest after each attack: its numbers, its randomness, its surroundings.

It also looks at the template from inside: what every run shares must be what it was.
"""

from typing import Any

# Contents where they are small, else metadata. Only the cache is not mounted from the machine, so
# only there times are compared, of reading too: one run must not see what another has read.
_CODE = """
import hashlib, json, math, os, random, secrets, signal, sys, types, uuid

def seen(path, content, times):
    found = os.lstat(path)
    words = [path, oct(found.st_mode), found.st_uid]
    if times: words += [found.st_mtime_ns, found.st_atime_ns]
    if not os.path.isdir(path): words.append(found.st_size)
    if os.path.islink(path): words.append(os.readlink(path))
    elif content and os.path.isfile(path):
        with open(path, 'rb') as file: words.append(hashlib.sha256(file.read()).hexdigest())
    return words

def below(top, content, times=False):
    names = []
    for folder, folders, files in os.walk(top):
        if '__pycache__' in folders: folders.remove('__pycache__')
        names += [os.path.join(folder, name) for name in folders + files]
    return [seen(name, content, times) for name in sorted(names)]

def bytecode():
    functions = []
    for name in sorted(sys.modules):
        if not name.startswith(('mecapy', 'json', 'linecache', 'os', 'ast', 'importlib')): continue
        for key, value in sorted(vars(sys.modules[name]).items()):
            if isinstance(value, types.FunctionType):
                code = value.__code__
                functions.append([name, key, code.co_code.hex(), repr(code.co_names)])
    return functions

def digest(value): return hashlib.sha256(json.dumps(value).encode()).hexdigest()

def calculate(inputs):
    writable = ('/work', '/tmp', '/dev/shm')
    places = {p: sorted(set(os.listdir(p)) - {'.matplotlib'}) for p in writable}
    draws = [os.urandom(8).hex(), random.random(), secrets.token_hex(8), str(uuid.uuid4())]
    numbers = [sum(i * i for i in range(1000)), math.fsum([0.1] * 10), 355 / 113]
    if inputs['numpy']:
        import numpy as np
        draws.append(float(np.random.rand()))
        numbers.append(np.linalg.solve(np.diag([2.0, 4.0]), np.ones(2)).tolist())
    template = {top: below(top, True) for top in ('/etc', '/mecapy/runtime')}
    template['/mecapy/cache'] = below('/mecapy/cache', True, times=True)
    template |= {top: sorted(os.listdir(top)) for top in ('/', '/dev', '/usr/lib/python3.11')}
    template['bytecode'] = bytecode()
    if inputs['whole']:
        template |= {top: below(top, False) for top in ('/usr/lib/python3.11', '/mecapy/env')}
    return {
        'numbers': numbers,
        'draws': draws,
        'places': places,
        'processes': [name for name in os.listdir('/proc') if name.isdigit()],
        'descriptors': os.listdir('/proc/self/fd'),
        'identity': [os.getcwd(), os.getuid(), os.umask(0o22), sorted(os.environ.items())],
        'signals': [str(signal.getsignal(n)) for n in (1, 2, 10, 14, 15, 24)],
        'blocked': sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        'template': {name: digest(value) for name, value in template.items()},
    }
"""
_NUMBERS = [332833500, 1.0, 355 / 113]
_NUMPY_NUMBERS = [[0.5, 0.25]]

Json = dict[str, Any]


def honest_code(numpy: bool) -> str:
    """The calculation; the import chooses the zygote."""
    return ("import numpy\n" if numpy else "") + _CODE


def expect_clean(result: Json, numpy: bool) -> None:
    """What needs no comparison with an earlier run."""
    assert result["numbers"] == _NUMBERS + (_NUMPY_NUMBERS if numpy else [])
    assert result["places"] == {"/work": [], "/tmp": [], "/dev/shm": []}
    assert result["processes"] == ["2"]
    assert sorted(result["descriptors"]) == ["0", "1", "2", "3", "4"]  # 4: the listing itself
    assert result["identity"][:3] == ["/work", 1000, 0o22]
    assert result["blocked"] == []


def surroundings(result: Json) -> Json:
    """The part that is the same in every honest run of one zygote."""
    return {name: result[name] for name in ("identity", "signals", "template")}
