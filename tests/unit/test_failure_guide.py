"""The failure guide has every exception, every end of a wait and every message, and no others."""

from __future__ import annotations

import ast
import builtins
import importlib
import re
from pathlib import Path

import pytest

import airflow_provider_do_images
from airflow_provider_do_images.actions.copies import NOT_SUBMITTED, REFUSED
from airflow_provider_do_images.actions.judge import Outcome, Verdict, Wait
from airflow_provider_do_images.actions.messages import explain

PACKAGE = Path(airflow_provider_do_images.__file__).parent
PAGE = (PACKAGE.parent / "docs" / "failures.md").read_text()
MODULES = {
    path: ast.parse(path.read_text())
    for path in sorted(PACKAGE.rglob("*.py"))
    if "simulator" not in path.parts
}
EXCEPTION = re.compile(r"\w*(Error|Exception|Timeout)")
OURS = {"airflow", PACKAGE.name}
FEWEST_WORDS = 2
"""A text with fewer only joins others' words."""


def tables():
    """Yield each row of each table as a dict from the heads of the columns to the cells."""
    heads = []
    for line in [*PAGE.splitlines(), ""]:
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if not line.lstrip().startswith("|"):
            heads = []
        elif not heads:
            heads = cells
        elif set(line) - set("|- "):
            yield dict(zip(heads, cells, strict=True))


def quotes():
    """Return what the page says that one sees; the words of an end are looked at apart."""
    seen = [row["you see"] for row in tables() if "you see" in row and "end" not in row]
    return {quote for cell in seen for quote in re.findall(r"`([^`]+)`", cell)}


def text_of(node):
    """Return a text in the source, with an ellipsis for each value in it; None if it is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            part.value if isinstance(part, ast.Constant) else "…" for part in node.values
        )
    return None


def texts():
    """Return all texts in the source."""
    nodes = (node for tree in MODULES.values() for node in ast.walk(tree))
    return [text for node in nodes if (text := text_of(node))]


def exceptions_of(path, tree):
    """Return the names of Airflow's and our exceptions in a module, but for those it only catches.

    Of Python's own it is the ValueError.
    """
    handlers = [node.type for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    caught = {name for node in handlers if node for name in ast.walk(node)}
    used = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node not in caught and EXCEPTION.fullmatch(node.id)
    }
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    defined = vars(builtins) | vars(importlib.import_module(".".join(parts)))
    return {
        name
        for name in used
        if name == "ValueError" or defined[name].__module__.partition(".")[0] in OURS
    }


def test_every_exception_is_in_the_guide_and_no_other():
    """Those of the API's tree, Airflow's that tasks end with, and the plain ValueError."""
    made = set().union(*(exceptions_of(path, tree) for path, tree in MODULES.items()))
    errors = vars(importlib.import_module("airflow_provider_do_images.api.errors"))
    made |= {name for name in errors if EXCEPTION.fullmatch(name)}

    named = {name for name in re.findall(r"`(\w+)`", PAGE) if EXCEPTION.fullmatch(name)}

    assert named == made


def test_every_end_is_in_the_guide_and_no_other():
    """Those of a wait, and the two of a submit to one region."""
    ends = [row["end"].strip("`") for row in tables() if "end" in row]

    assert sorted(ends) == sorted([*Outcome, REFUSED, NOT_SUBMITTED])


@pytest.mark.parametrize("outcome", Outcome)
def test_the_words_of_an_end_are_those_of_its_message(outcome):
    """What the guide quotes is in the message of this end, and of no other."""
    [row] = [row for row in tables() if row.get("end") == f"`{outcome}`"]
    wait = Wait(1, 2, started_at=0.0, deadline=60.0, region="ams3")
    said = {end: explain(Verdict(end, wait, 60.0, error="because")) for end in Outcome}

    quote = row["you see"].strip("`")

    assert [end for end in Outcome if quote in said[end]] == [outcome]


@pytest.mark.parametrize("quote", sorted(quotes()))
def test_what_the_guide_quotes_is_said(quote):
    """Its words are in a text of the source, in their order."""
    assert [text for text in texts() if quote in text]


def test_every_message_is_in_the_guide():
    """Whatever an exception is made with has words that the guide quotes."""
    calls = [
        node
        for tree in MODULES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.args and EXCEPTION.search(ast.unparse(node.func))
    ]
    made = [call for call in calls if ast.unparse(call.func) != "AttributeError"]
    said = [text for call in made if (text := text_of(call.args[0]))]
    messages = [text for text in said if len(re.findall(r"\w+", text)) >= FEWEST_WORDS]

    assert len(messages) > 50
    assert [text for text in messages if not any(q in text for q in quotes())] == []
