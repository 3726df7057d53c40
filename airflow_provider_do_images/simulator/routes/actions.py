"""Actions, of the whole account or of one resource."""

from __future__ import annotations

from collections.abc import Hashable

from airflow_provider_do_images.simulator.http.errors import not_found
from airflow_provider_do_images.simulator.http.pagination import paged_index
from airflow_provider_do_images.simulator.http.request import Answer, Call
from airflow_provider_do_images.simulator.http.serializers import action_json
from airflow_provider_do_images.simulator.state.models import Action


def list_actions(call: Call) -> Answer:
    """List the account's actions, newest first."""
    return list_actions_of(call, "all")


def get_action(call: Call) -> Answer:
    """Return an action by its id alone."""
    return _answer(call, call.state.actions.get(call.id("action_id")))


def list_actions_of(call: Call, key: Hashable) -> Answer:
    """List the actions of ``all`` or of one resource, newest first."""
    state = call.state
    return paged_index(
        call,
        "actions",
        state.action_index,
        key,
        lambda id_: action_json(state, state.actions[id_], call.scopes),
        newest_first=True,
    )


def one_action_of(call: Call, resource_type: str, resource_id: int) -> Answer:
    """Return an action if it belongs to this resource; else 404."""
    action = call.state.actions.get(call.id("action_id"))
    resource = action and (action.resource_type, action.resource_id)
    return _answer(call, action if resource == (resource_type, resource_id) else None)


def _answer(call: Call, action: Action | None) -> Answer:
    if action is None:
        raise not_found()
    if action.unseen_reads > 0:
        action.unseen_reads -= 1
        raise not_found()
    return Answer({"action": action_json(call.state, action, call.scopes)})
