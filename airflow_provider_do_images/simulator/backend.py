"""Everything that stands behind the HTTP face: account, clock, faults, limits, tokens, journal."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_do_images.simulator.clock import Clock
from airflow_provider_do_images.simulator.faults import Fault, FaultList
from airflow_provider_do_images.simulator.http.rate_limits import RateLimits
from airflow_provider_do_images.simulator.http.tokens import Tokens
from airflow_provider_do_images.simulator.journal import Journal
from airflow_provider_do_images.simulator.rules.rules import Rules
from airflow_provider_do_images.simulator.state.account_state import AccountState
from airflow_provider_do_images.simulator.state.seed_data import seed_default_account


class Backend:
    """One simulated DigitalOcean, without HTTP.

    :param clock: where all times come from.
    :param rules: the switches.
    :param seed: decides ids, names, durations, and chances of faults.
    :param faults: faults that are there from the start.
    """

    def __init__(self, clock: Clock, rules: Rules, seed: int, faults: Iterable[Fault] = ()) -> None:
        self.clock = clock
        self.rules = rules
        self.seed = seed
        self.journal = Journal()
        self.reset()
        for fault in faults:
            self.faults.add(fault)

    def reset(self, clock: Clock | None = None) -> None:
        """Begin anew: default account, no faults, any token, full budgets, empty journal.

        :param clock: a clock to go on with; None: the present one goes on, and keeps its time.
        """
        self.clock = clock or self.clock
        self.tokens = Tokens()
        self.limits = RateLimits(self.clock, self.rules)
        self.faults = FaultList(self.clock, self.seed)
        self.state = AccountState(self.clock, self.rules, self.seed)
        seed_default_account(self.state)
        self.state.decide_outcome = self.faults.decide_outcome
        self.journal.clear()
