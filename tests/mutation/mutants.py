"""Small faults in the contracts, one at a time, placed by the compiler's own syntax tree.

Faults that any test kills which kills a stronger one beside it are left out: a comparison is moved by its boundary and
not turned round, a logical operator is not exchanged (each of its operands is taken away instead), a constant is not
lowered beside being raised, and a guard that is a conjunction is not taken away whole.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Node = dict[str, Any]
#: Start, end, operator, replacement.
Fault = tuple[int, int, str, str]
Span = tuple[int, int]

BOUNDARIES = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*", "+=": "-="}
#: What an operand is replaced by, so that the other one decides.
NEUTRAL = {"&&": "true", "||": "false"}
#: Statements that are one call or assignment.
ONE_CALL = {"ExpressionStatement", "EmitStatement", "RevertStatement"}


@dataclass(frozen=True)
class Mutant:
    """`old` at byte `offset` of `file` becomes `new`. `line` is the line it stands on; `nth` tells twins apart."""

    file: str
    function: str
    operator: str
    offset: int
    old: str
    new: str
    line: str
    nth: int = 0
    #: What must be given twice where a switch decides between right and wrong (see `schema`); None: the whole file.
    scope: Span | None = None
    in_statement: bool = False

    @property
    def id(self) -> str:
        """Without offsets, so that it survives edits elsewhere in the file."""
        text = "\0".join((self.file, self.function, self.operator, self.line, self.old, self.new, str(self.nth)))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def applied(self, source: str) -> str:
        """The source with this fault. Raises ValueError where `old` does not stand at `offset`."""
        raw = source.encode()
        return self.applied_to(raw, 0, len(raw)).decode()

    def applied_to(self, raw: bytes, start: int, end: int) -> bytes:
        """What stands from start to end, with this fault. Raises ValueError where `old` does not stand at `offset`."""
        after = self.offset + len(self.old.encode())
        if raw[self.offset : after] != self.old.encode():
            raise ValueError(f"{self.file} does not hold {self.old!r} at byte {self.offset}: make the mutants anew")
        return raw[start : self.offset] + self.new.encode() + raw[after:end]


def mutants_of(file: str, source: str, tree: Node) -> list[Mutant]:
    """All mutants of a file, in the order of its text; `tree` is its compact AST."""
    raw = source.encode()
    seen: Counter[tuple[str, ...]] = Counter()
    found = []
    faults = {
        (*fault, function): _scope(fault, above, raw)
        for function, above in _nodes(tree, "", ())
        for fault in _faults(above, raw)
    }
    for (offset, end, operator, new, function), context in sorted(faults.items()):
        old, line = raw[offset:end].decode(), _line(raw, offset)
        twin = (function, operator, line, old, new)
        found.append(Mutant(file, function, operator, offset, old, new, line, seen[twin], *context))
        seen[twin] += 1
    return found


def _name(function: Node) -> str:
    return str(function["name"] or function["kind"])


def _line(raw: bytes, offset: int) -> str:
    start = raw.rfind(b"\n", 0, offset) + 1
    return raw[start : raw.find(b"\n", offset)].decode().strip()


def _nodes(node: Any, function: str, above: tuple[Node, ...]) -> Iterator[tuple[str, tuple[Node, ...]]]:
    """Every node with its function, at the end of the chain of nodes that it stands in."""
    if isinstance(node, list):
        for one in node:
            yield from _nodes(one, function, above)
    elif isinstance(node, dict):
        if node.get("nodeType") == "FunctionDefinition":
            function = _name(node)
        if "nodeType" in node:
            above = (*above, node)
            yield function, above
        for child in node.values():
            if isinstance(child, dict | list):
                yield from _nodes(child, function, above)


def _scope(fault: Fault, above: tuple[Node, ...], raw: bytes) -> tuple[Span | None, bool]:
    """The smallest expression with a type of its own, or the statement, that holds the fault."""
    start, end, operator, _ = fault
    if operator == "modifier":
        return None, False
    if operator in ("condition", "guard", "operand"):
        return (start, end), False
    for node in reversed(above):
        if node["nodeType"] in ONE_CALL:
            first, stop = _span(node)
            # With its semicolon; a loop's step has none, and takes no other statement in its place.
            return ((first, stop + 1), True) if raw[stop : stop + 1] == b";" else (None, False)
        if "typeDescriptions" not in node or node["nodeType"] == "VariableDeclaration":
            break
        kind = node["typeDescriptions"].get("typeString") or "tuple()"
        if not kind.startswith("int_const") and kind not in ("tuple()", "error"):
            return _span(node), False
    return (start, end), False


def _span(node: Node) -> Span:
    start, length, _ = map(int, node["src"].split(":"))
    return start, start + length


def _faults(above: tuple[Node, ...], raw: bytes) -> Iterator[Fault]:
    """What may be wrong at the last of these nodes itself."""
    node, around = above[-1], above[-2:-1]
    kind = node["nodeType"]
    start, end = _span(node)
    if kind == "BinaryOperation":
        yield from _of_operation(node, node["leftExpression"], node["rightExpression"], raw)
    elif kind == "Assignment":
        yield from _of_operation(node, node["leftHandSide"], node["rightHandSide"], raw)
    elif kind == "Literal" and node["kind"] == "number" and not any(_compares_bytes(one) for one in around):
        yield start, end, "constant", f"({raw[start:end].decode()} + 1)"
    elif kind == "FunctionCall":
        yield from _of_call(node, raw)
    elif kind in ("IfStatement", "Conditional"):
        for value in ("true", "false"):
            yield *_span(node["condition"]), "condition", value
    elif kind == "ModifierInvocation" and node["modifierName"]["name"] == "nonReentrant":
        yield start, end, "modifier", ""
    elif raw[end : end + 1] == b";" and _is_deletable(node):
        # The tree ends a statement before its semicolon; a loop's step has none, and cannot be left out.
        yield start, end, "deletion", "true"


def _of_operation(node: Node, left: Node, right: Node, raw: bytes) -> Iterator[Fault]:
    old = node["operator"]
    if old in NEUTRAL:
        for operand in (left, right):
            # An operand that is such an operation itself is taken away piece by piece.
            if operand.get("operator") != old:
                yield *_span(operand), "operand", NEUTRAL[old]
    for name, replacements in (("boundary", BOUNDARIES), ("arithmetic", ARITHMETIC)):
        if old in replacements:
            at = raw.index(old.encode(), _span(left)[1], _span(right)[0])
            yield at, at + len(old), name, replacements[old]


def _compares_bytes(node: Node) -> bool:
    """Such a word compares with 0 alone: no other number has its type."""
    return bool(node["nodeType"] == "BinaryOperation" and node["commonType"]["typeString"].startswith("bytes"))


def _is_deletable(node: Node) -> bool:
    """Guards have faults of their own, and nothing compiles in which a storage pointer points nowhere."""
    if node["nodeType"] != "ExpressionStatement":
        return bool(node["nodeType"] == "EmitStatement")
    expression = node["expression"]
    return not _is_require(expression) and "storage pointer" not in expression["typeDescriptions"]["typeString"]


def _is_require(call: Node) -> bool:
    return call["nodeType"] == "FunctionCall" and call["expression"].get("name") == "require"


def _of_call(node: Node, raw: bytes) -> Iterator[Fault]:
    if _is_require(node):
        condition = node["arguments"][0]
        if condition.get("operator") != "&&":
            yield *_span(condition), "guard", "true"
        return
    if node["kind"] != "functionCall":
        return
    for one, other in pairwise(node["arguments"]):
        if one["typeDescriptions"]["typeString"] == other["typeDescriptions"]["typeString"]:
            (a, b), (c, d) = _span(one), _span(other)
            first, between, second = (raw[x:y].decode() for x, y in ((a, b), (b, c), (c, d)))
            if first != second:
                yield a, d, "swap", second + between + first
