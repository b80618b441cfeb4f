"""The run of somebody honest after each attack: its numbers, its randomness, its surroundings.

It also looks at the template from inside: what every run shares must be what it was.
"""

from typing import Any

from security.profile import Profile

# Contents where they are small, else metadata. Only the cache is not mounted from the machine, so
# only there times are compared, of reading too where it is a mount of its own: one run must not see
# what another has read. What lies below the run's own folder is named as if that were the root.
_CODE = """
import hashlib, json, math, os, random, secrets, signal, sys, types, uuid
import mecapy._places as shared

FOLDER = os.path.dirname(os.getcwd()).rstrip('/')

def seen(path, content, times):
    found = os.lstat(path)
    words = [path, oct(found.st_mode), found.st_uid]
    if times: words.append(found.st_mtime_ns)
    if times and not FOLDER: words.append(found.st_atime_ns)
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

def listed(folder):
    try: return sorted(os.listdir(folder))
    except PermissionError: return None

def is_open(number):
    try: return bool(os.fstat(number))
    except OSError: return False

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
    places = {'work': listed(os.getcwd()), 'tmp': listed(os.environ['TMPDIR']),
              'shm': listed('/dev/shm')}
    places['tmp'] = [name for name in places['tmp'] if name != '.matplotlib']
    draws = [os.urandom(8).hex(), random.random(), secrets.token_hex(8), str(uuid.uuid4())]
    numbers = [sum(i * i for i in range(1000)), math.fsum([0.1] * 10), 355 / 113]
    if inputs['numpy']:
        import numpy as np
        draws.append(float(np.random.rand()))
        numbers.append(np.linalg.solve(np.diag([2.0, 4.0]), np.ones(2)).tolist())
    runtime, library = os.path.dirname(shared.__file__), os.path.dirname(os.__file__)
    template = {top: below(top, True) for top in ('/etc', runtime)}
    template['cache'] = below(shared.cache, True, times=True)
    template |= {top: listed(top) for top in ('/', '/dev', library)}
    template['bytecode'] = bytecode()
    if inputs['whole']:
        template |= {top: below(top, False) for top in (library, shared.packages)}
    return {
        'numbers': numbers,
        'draws': draws,
        'places': places,
        'processes': (own := listed('/proc')) and [name for name in own if name.isdigit()],
        'descriptors': [number for number in range(256) if is_open(number)],
        'user': os.getuid(),
        'identity': [os.getcwd().removeprefix(FOLDER), os.umask(0o22), len(os.sched_getaffinity(0)),
                     sorted((k, v.removeprefix(FOLDER)) for k, v in os.environ.items())],
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


def expect_clean(result: Json, numpy: bool, profile: Profile) -> None:
    """What needs no comparison with an earlier run."""
    assert result["numbers"] == _NUMBERS + (_NUMPY_NUMBERS if numpy else [])
    assert result["places"] == profile.places
    assert result["processes"] == profile.processes
    assert result["descriptors"] == [0, 1, 2, 3]
    assert result["identity"][:2] == ["/work", 0o22]
    assert result["blocked"] == []


def surroundings(result: Json) -> Json:
    """The part that is the same in every honest run of one zygote."""
    return {name: result[name] for name in ("identity", "signals", "template")}
