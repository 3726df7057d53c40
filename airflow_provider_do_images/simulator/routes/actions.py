"""Actions of the account or of one resource."""

from __future__ import annotations

from collections.abc import Hashable

from airflow_provider_do_images.simulator.http.errors import not_found
from airflow_provider_do_images.simulator.http.pagination import paginate_index
from airflow_provider_do_images.simulator.http.request import ApiRequest, ApiResponse
from airflow_provider_do_images.simulator.http.serializers import action_json
from airflow_provider_do_images.simulator.state.models import Action


def list_actions(request: ApiRequest) -> ApiResponse:
    """List the account's actions, newest first."""
    return list_actions_of(request, "all")


def get_action(request: ApiRequest) -> ApiResponse:
    """Return an action by id."""
    return _answer(request, request.state.actions.get(request.path_id("action_id")))


def list_actions_of(request: ApiRequest, key: Hashable) -> ApiResponse:
    """List the actions under a key of the action index, newest first."""
    state = request.state
    return paginate_index(
        request,
        "actions",
        state.action_index,
        key,
        lambda id_: action_json(state, state.actions[id_], request.scopes),
        newest_first=True,
    )


def get_action_of(request: ApiRequest, resource_type: str, resource_id: int) -> ApiResponse:
    """Return an action of this resource, or raise a 404."""
    action = request.state.actions.get(request.path_id("action_id"))
    resource = action and (action.resource_type, action.resource_id)
    return _answer(request, action if resource == (resource_type, resource_id) else None)


def _answer(request: ApiRequest, action: Action | None) -> ApiResponse:
    if action is None:
        raise not_found()
    if action.not_found_reads > 0:
        action.not_found_reads -= 1
        raise not_found()
    return ApiResponse({"action": action_json(request.state, action, request.scopes)})
