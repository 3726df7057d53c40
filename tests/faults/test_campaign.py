"""Random trials keep both promises; with one of the four safeguards taken out they do not."""

from __future__ import annotations

from random import Random

import pytest

from airflow_provider_do_images.core.jobs import waiter
from airflow_provider_do_images.core.results import ActionResult
from airflow_provider_do_images.core.submit import submitter as submit
from airflow_provider_do_images.core.submit.decide import Decision
from airflow_provider_do_images.core.submit.submitter import IdempotentSubmitter
from airflow_provider_do_images.core.wait import flow as wait
from airflow_provider_do_images.simulator import Rules
from airflow_provider_do_images.simulator.faults.config import FAULT_CLASSES
from devtools import campaign as trials
from devtools.chaos import ANY_REQUEST, ONLY_LISTS, ONLY_POST
from devtools.faults import campaign, summary

TRIALS = 150
FIXED_SEED = 7
TRIALS_UNTIL_CAUGHT = 150


def violations(seed, numbers, rules=None):
    """Return what was broken in trials, each with how to replay it."""
    return [
        f"{violation} (python3 dev.py faults --seed {seed} --trial {report.number})"
        for report in campaign(seed, numbers, rules)
        for violation in report.violations
    ]


@pytest.mark.parametrize("rules", [Rules(), Rules(transfers_show_region=False)], ids=["", "null"])
def test_no_trial_breaks_a_promise(seed, rules):
    """Nothing is submitted twice, no success lies, and nothing that is there is called failed."""
    assert violations(seed, range(TRIALS), rules) == []


def test_every_fault_of_the_simulator_is_drawn():
    """A new kind of fault can not be forgotten here."""
    drawn = {type(draw(Random(0))).__name__ for draw in [*ANY_REQUEST, *ONLY_POST, *ONLY_LISTS]}

    assert drawn == set(FAULT_CLASSES)


def test_a_trial_can_be_replayed(monkeypatch):
    """The same seed and number see the same faults, kills, tries, POSTs and end."""
    monkeypatch.setattr(trials, "READ_TIMEOUT", 1.0)  # no slow machine is taken for a fault
    first, second = ([*campaign(FIXED_SEED, range(12, 16))] for _ in range(2))

    assert summary(first) == summary(second)
    assert [(r.number, r.intent, r.tries, r.posts) for r in first] == [
        (r.number, r.intent, r.tries, r.posts) for r in second
    ]


def without_look(monkeypatch):
    """Post at once, without a look at what is there."""
    monkeypatch.setattr(IdempotentSubmitter, "_decide", lambda _: Decision.SUBMIT)


def without_join(monkeypatch):
    """Look, but join nothing that runs or has just completed."""
    decide = submit.decide

    def no_join(*arguments):
        found = decide(*arguments)
        joins = isinstance(found, ActionResult) and found.action is not None
        return Decision.SUBMIT if joins else found

    monkeypatch.setattr(submit, "decide", no_join)


def without_reconcile(monkeypatch):
    """After a POST without a clear answer, post again without looking for what it began."""
    monkeypatch.setattr(IdempotentSubmitter, "_find_created", lambda _: Decision.SUBMIT)
    monkeypatch.setattr(submit, "RECONCILE_TIMEOUT", 0.0)


def without_proof(monkeypatch):
    """Take the word of a completed action."""

    def believe(verdict, *_):
        return verdict
        yield

    monkeypatch.setattr(wait, "verify", believe)
    monkeypatch.setattr(waiter, "verify", believe)


@pytest.mark.parametrize(
    ("take_out", "kind"),
    [
        (without_look, "duplicate"),
        (without_join, "duplicate"),
        (without_reconcile, "duplicate"),
        (without_proof, "lie"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_without_one_safeguard_the_campaign_fails(monkeypatch, take_out, kind):
    """The campaign notices each of the four, so it can fail."""
    take_out(monkeypatch)

    found = violations(FIXED_SEED, range(TRIALS_UNTIL_CAUGHT))

    assert any(violation.startswith(kind) for violation in found)
