"""The account and its regions."""

from __future__ import annotations

from airflow_provider_do_images.simulator.http.pagination import paginate
from airflow_provider_do_images.simulator.http.request import ApiRequest, ApiResponse
from airflow_provider_do_images.simulator.http.serializers import region_json


def get_account(request: ApiRequest) -> ApiResponse:
    """Return the account, with the keys of a recorded response (February 2026)."""
    return ApiResponse(
        {
            "account": {
                "droplet_limit": 25 if request.scopes.allow("droplet:read") else 0,
                "floating_ip_limit": 3,
                "reserved_ip_limit": 3,
                "volume_limit": 100,
                "email": "sammy@example.com",
                "name": "Sammy the Shark",
                "uuid": "b6f189dbf6d9156cace5f3c78dc9851d957381ef",
                "email_verified": True,
                "status": "active",
                "status_message": "",
                "team": {"uuid": "5df3e3004a17e242b7c20ca6c9fc25b701a47ece", "name": "My Team"},
            }
        }
    )


def list_regions(request: ApiRequest) -> ApiResponse:
    """List the regions of this account in the recorded order."""
    listed = [region for region in request.state.regions.values() if region.listed]
    return paginate(
        request,
        "regions",
        len(listed),
        lambda start, stop: [region_json(region, request.scopes) for region in listed[start:stop]],
    )
