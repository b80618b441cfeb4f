"""Calculations that several tests run."""

STRESS = """
def calculate(inputs):
    print('a line of the log')
    return {'stress': inputs['force'] / inputs['section']}
"""
FILES = """
def calculate(inputs):
    import os
    os.makedirs('tables')
    open('tables/one.csv', 'w').write('1,2\\n')
    open('two.bin', 'wb').write(bytes(range(256)) * 5000)
    return 1
"""
SLOW = """
import time
from mecapy import progress
def calculate(inputs):
    for i in range(inputs.get('steps', 300)):
        print('step', i, flush=True)
        progress(i / 300, f'meshing {i}')
        time.sleep(0.1)
    return 'done'
"""
EVIL = """
from mecapy import progress
def calculate(inputs):
    print('\\x1b]0;owned\\x07', '\\x9b2J')
    progress(0.5, '\\x9b2J \\u202e')
    return '\\x9b2J \\u202e'
"""
ECHO = "def calculate(inputs):\n    return inputs\n"
