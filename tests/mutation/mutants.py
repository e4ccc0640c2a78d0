"""Small faults in the contracts, one at a time, placed by the compiler's own syntax tree."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Node = dict[str, Any]

#: What stands for what. A comparison is tried at its boundary and turned round.
OPERATORS = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=",),
    "!=": ("==",),
    "&&": ("||",),
    "||": ("&&",),
    "+": ("-",),
    "-": ("+",),
    "*": ("/",),
    "/": ("*",),
    "+=": ("-=",),
}
COMPARISONS = {"<", "<=", ">", ">=", "==", "!="}


@dataclass(frozen=True)
class Mutant:
    """`old` at byte `offset` of `file` replaced by `new`. `line` is the trimmed line it stands on; `nth` tells twins apart."""

    file: str
    function: str
    operator: str
    offset: int
    old: str
    new: str
    line: str
    nth: int = 0

    @property
    def id(self) -> str:
        """Without offsets, so that it survives edits elsewhere in the file."""
        text = "\0".join((self.file, self.function, self.operator, self.line, self.old, self.new, str(self.nth)))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def applied(self, source: str) -> str:
        """The source with this fault. Raises ValueError where `old` does not stand at `offset`."""
        raw, old = source.encode(), self.old.encode()
        end = self.offset + len(old)
        if raw[self.offset : end] != old:
            raise ValueError(f"{self.file} does not hold {self.old!r} at byte {self.offset}: make the mutants anew")
        return (raw[: self.offset] + self.new.encode() + raw[end:]).decode()


def mutants_of(file: str, source: str, tree: Node) -> list[Mutant]:
    """All mutants of a file, in the order of its text; `tree` is its compact AST."""
    raw = source.encode()
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    faults = {fault for function, node in _nodes(tree, "") for fault in _faults(node, function, raw)}
    for offset, end, operator, new, function in sorted(faults):
        old, line = raw[offset:end].decode(), _line(raw, offset)
        twin = (function, operator, line, old, new)
        found.append(Mutant(file, function, operator, offset, old, new, line, seen[twin]))
        seen[twin] += 1
    return found


def _line(raw: bytes, offset: int) -> str:
    start = raw.rfind(b"\n", 0, offset) + 1
    return raw[start : raw.find(b"\n", offset)].decode().strip()


def _nodes(node: Any, function: str) -> Iterator[tuple[str, Node]]:
    if isinstance(node, list):
        for one in node:
            yield from _nodes(one, function)
    elif isinstance(node, dict):
        if node.get("nodeType") == "FunctionDefinition":
            function = node["name"] or node["kind"]
        if "nodeType" in node:
            yield function, node
        for child in node.values():
            if isinstance(child, dict | list):
                yield from _nodes(child, function)


def _span(node: Node) -> tuple[int, int]:
    start, length, _ = map(int, node["src"].split(":"))
    return start, start + length


def _faults(node: Node, function: str, raw: bytes) -> Iterator[tuple[int, int, str, str, str]]:
    """(start, end, operator, replacement, function) of what may be wrong at this node itself."""
    kind = node["nodeType"]
    start, end = _span(node)
    if kind == "BinaryOperation":
        yield from _other_operators(node, node["leftExpression"], node["rightExpression"], function, raw)
    elif kind == "Assignment" and node["operator"] != "=":
        yield from _other_operators(node, node["leftHandSide"], node["rightHandSide"], function, raw)
    elif kind == "UnaryOperation" and node["operator"] == "!":
        yield start, start + 1, "negation", "", function
    elif kind == "Literal" and node["kind"] == "number" and not node.get("subdenomination"):
        text = raw[start:end].decode()
        yield start, end, "constant", f"({text} + 1)", function
        if node["value"] != "0":
            yield start, end, "constant", f"({text} - 1)", function
    elif kind == "FunctionCall":
        yield from _calls(node, function, raw)
    elif kind in ("IfStatement", "Conditional"):
        for value in ("true", "false"):
            yield *_span(node["condition"]), "condition", value, function
    elif kind == "ModifierInvocation" and node["modifierName"]["name"] == "nonReentrant":
        yield start, end, "modifier", "", function
    elif kind == "EmitStatement" or (kind == "ExpressionStatement" and not _is_require(node["expression"])):
        # The tree ends a statement before its semicolon.
        yield start, end, "deletion", "{}" if raw[end : end + 1] != b";" else "true", function


def _other_operators(
    node: Node, left: Node, right: Node, function: str, raw: bytes
) -> Iterator[tuple[int, int, str, str, str]]:
    old = node["operator"]
    at = raw.index(old.encode(), _span(left)[1], _span(right)[0])
    name = "comparison" if old in COMPARISONS else "logic" if old in ("&&", "||") else "arithmetic"
    for new in OPERATORS.get(old, ()):
        yield at, at + len(old), name, new, function


def _is_require(call: Node) -> bool:
    return call["nodeType"] == "FunctionCall" and call["expression"].get("name") == "require"


def _calls(node: Node, function: str, raw: bytes) -> Iterator[tuple[int, int, str, str, str]]:
    if _is_require(node):
        yield *_span(node["arguments"][0]), "guard", "true", function
        return
    if node["kind"] != "functionCall":
        return
    for one, other in pairwise(node["arguments"]):
        if one["typeDescriptions"]["typeString"] == other["typeDescriptions"]["typeString"]:
            (a, b), (c, d) = _span(one), _span(other)
            first, between, second = (raw[x:y].decode() for x, y in ((a, b), (b, c), (c, d)))
            if first != second:
                yield a, d, "swap", second + between + first, function
