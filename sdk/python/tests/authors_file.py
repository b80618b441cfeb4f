"""A file of the author's own, from which calculations import names."""

import math

STEEL = 210e9  # Pa


def area(diameter):
    return math.pi * diameter**2 / 4


class Section:
    def __init__(self, diameter):
        self.diameter = diameter

    def area(self):
        return area(self.diameter)
