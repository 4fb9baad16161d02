"""Prometheus' text format, version 0.0.4, read as strictly as it is written down."""

import re
from collections import namedtuple

Sample = namedtuple("Sample", "name labels value")

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
NUMBER = r"[+-]?(?:\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|Inf)|NaN"
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}


class Family:
    def __init__(self, name, text):
        self.name = name
        self.help = text
        self.type = None
        self.samples = []

    def value(self, **labels):
        """The value of the one sample with these labels."""
        found = [each.value for each in self.samples
                 if each.name == self.name and dict(each.labels) == labels]
        assert len(found) == 1, (self.name, labels, found)
        return found[0]

    def buckets(self):
        """Of a histogram: pairs of upper bound and count, in the order in which they stand."""
        return [(float(dict(each.labels)["le"]), each.value) for each in self.samples
                if each.name == self.name + "_bucket"]

    def part(self, suffix):
        """Of a histogram: its _sum or _count."""
        return next(each.value for each in self.samples if each.name == self.name + suffix)


def parse(text):
    """The families by name. Anything that the format does not provide for is an error."""
    assert text.endswith("\n")
    families = {}
    family = None
    for line in text[:-1].split("\n"):
        if match := re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line):
            name, text_of_help = match.groups()
            assert name not in families, f"{name} comes twice"
            family = families[name] = Family(name, text_of_help)
        elif match := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram|summary|untyped)",
                                   line):
            assert family and match[1] == family.name and family.type is None, line
            family.type = match[2]
        else:
            match = re.fullmatch(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ({NUMBER})", line)
            assert match, f"not a line of the format: {line!r}"
            assert family and family.type, f"a sample before HELP and TYPE: {line!r}"
            names = [family.name + suffix for suffix in SUFFIXES.get(family.type, ("",))]
            assert match[1] in names, f"{line!r} is not of {family.name}"
            labels = tuple(re.findall(LABEL, match[2] or ""))
            assert len({name for name, _ in labels}) == len(labels), line
            sample = Sample(match[1], labels, float(match.groups()[-1]))
            assert all((each.name, set(each.labels)) != (sample.name, set(labels))
                       for each in family.samples), f"comes twice: {line!r}"
            family.samples.append(sample)
    assert all(each.samples for each in families.values())
    return families
