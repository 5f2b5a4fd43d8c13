"""Foundation models and inference profiles: what the catalog serves, in the words of the API.

Knows nothing of engines: a model is listed whether or not it is loaded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..call import Call
from ..catalog import PREFIXES, UNKNOWN, Model, Snapshot, foundation_model_arn, without_prefix
from ..config import Settings
from ..errors import ResourceNotFoundException, ValidationException
from ..wire.operation import operation
from .paging import page

if TYPE_CHECKING:
    from ..shapes.bedrock import (
        GetFoundationModelAvailabilityRequest,
        GetFoundationModelAvailabilityResponse,
        GetFoundationModelRequest,
        GetFoundationModelResponse,
        GetInferenceProfileRequest,
        GetInferenceProfileResponse,
        ListFoundationModelsRequest,
        ListFoundationModelsResponse,
        ListInferenceProfilesRequest,
        ListInferenceProfilesResponse,
    )

FILTERS = {
    "byCustomizationType": "customizationsSupported",
    "byOutputModality": "outputModalities",
    "byInferenceType": "inferenceTypesSupported",
}
"""Member of ListFoundationModels' request -> the member of a summary that must hold its value."""

GEOGRAPHIES = {
    "us-gov-": "us-gov.", "us-": "us.", "ca-": "ca.", "eu-": "eu.", "ap-northeast-1": "jp.", "ap-southeast-2": "au.",
    "ap-": "apac.",
}  # fmt: skip
"""Beginning of a region -> the prefix of its own inference profiles, as the real service names them."""

_FOUNDATION_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:[a-z0-9-]{1,20}::foundation-model/(.+)")
_PROFILE_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:[a-z0-9-]{0,20}:[0-9]{0,12}:inference-profile/(.+)")


@operation
async def list_foundation_models(call: Call, request: ListFoundationModelsRequest) -> ListFoundationModelsResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html"""
    snapshot = await call.services.catalog.snapshot()
    summaries = [_summary(name, model) for name, model in _served(snapshot).items()]
    return {"modelSummaries": [summary for summary in summaries if _wanted(summary, request)]}  # type: ignore[typeddict-item]


@operation
async def get_foundation_model(call: Call, request: GetFoundationModelRequest) -> GetFoundationModelResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetFoundationModel.html"""
    name, model = _foundation_model(await call.services.catalog.snapshot(), request["modelIdentifier"])
    return {"modelDetails": _summary(name, model)}  # type: ignore[typeddict-item]


@operation
async def get_foundation_model_availability(
    call: Call, request: GetFoundationModelAvailabilityRequest
) -> GetFoundationModelAvailabilityResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetFoundationModelAvailability.html

    What is in the catalog may be used: nobody has to agree to anything.
    """
    name, _ = _foundation_model(await call.services.catalog.snapshot(), request["modelId"])
    return {
        "modelId": name,
        "agreementAvailability": {"status": "AVAILABLE"},
        "authorizationStatus": "AUTHORIZED",
        "entitlementAvailability": "AVAILABLE",
        "regionAvailability": "AVAILABLE",
    }


@operation
async def list_inference_profiles(call: Call, request: ListInferenceProfilesRequest) -> ListInferenceProfilesResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListInferenceProfiles.html

    For each model and alias the profile of this region's geography and the global one, and aliases that are profiles
    by their name. GetInferenceProfile and the runtime know every other geography's as well.
    """
    snapshot, settings = await call.services.catalog.snapshot(), call.services.settings
    names = _profiles(snapshot, settings.region) if request.get("typeEquals") != "APPLICATION" else []
    shown, token = page(names, str, call.operation, request)
    summaries = [_profile(snapshot, settings, name) for name in shown]
    return {"inferenceProfileSummaries": summaries, **token}  # type: ignore[typeddict-item]


@operation
async def get_inference_profile(call: Call, request: GetInferenceProfileRequest) -> GetInferenceProfileResponse:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetInferenceProfile.html"""
    identifier = request["inferenceProfileIdentifier"]
    arn = _PROFILE_ARN.fullmatch(identifier)
    name, snapshot = arn[1] if arn else identifier, await call.services.catalog.snapshot()
    if not name.startswith(PREFIXES) or snapshot.find(name) is None:
        raise ResourceNotFoundException("The provided inference profile identifier was not found.")
    return _profile(snapshot, call.services.settings, name)  # type: ignore[return-value]


def _served(snapshot: Snapshot) -> dict[str, Model]:
    """Models and aliases that look like models; the others are inference profiles."""
    names = (name for name in snapshot.names() if not name.startswith(PREFIXES))
    return {name: model for name in names if (model := snapshot.find(name))}


def _foundation_model(snapshot: Snapshot, identifier: str) -> tuple[str, Model]:
    arn = _FOUNDATION_ARN.fullmatch(identifier)
    name, served = arn[1] if arn else identifier, _served(snapshot)
    if name not in served:
        raise ValidationException(UNKNOWN)
    return name, served[name]


def _summary(name: str, model: Model) -> dict[str, Any]:
    return {
        "modelArn": foundation_model_arn(model.region, name),
        "modelId": name,
        "modelName": model.name,
        "providerName": model.provider,
        "inputModalities": [*model.input_modalities],
        "outputModalities": [*model.output_modalities],
        "responseStreamingSupported": model.streaming,
        "customizationsSupported": [],
        "inferenceTypesSupported": ["ON_DEMAND"],
        "modelLifecycle": {"status": "ACTIVE"},
    }


def _wanted(summary: dict[str, Any], request: ListFoundationModelsRequest) -> bool:
    provider = request.get("byProvider")
    if provider is not None and provider.lower() != summary["providerName"].lower():
        return False
    return all(request.get(name) in (None, *summary[member]) for name, member in FILTERS.items())


def _profiles(snapshot: Snapshot, region: str) -> list[str]:
    own = next((prefix for start, prefix in GEOGRAPHIES.items() if region.startswith(start)), "global.")
    derived = {prefix + name for name in _served(snapshot) for prefix in (own, "global.")}
    named = {name for name in snapshot.aliases if name.startswith(PREFIXES)}
    return [*(name for name in derived if len(name) <= 64), *(named - derived)]


def _profile(snapshot: Snapshot, settings: Settings, name: str) -> dict[str, Any]:
    model = snapshot.find(name)
    assert model is not None, name
    # An alias that is a profile by its name points at its model; else the profile is of what follows the prefix.
    target = model.id if name in snapshot.aliases else without_prefix(name)
    arn = f"arn:aws:bedrock:{settings.region}:{settings.account_id}:inference-profile/{name}"
    title = f"{name.partition('.')[0].upper()} {model.provider} {model.name}"
    return {
        "inferenceProfileName": _words(title),
        "description": _words(f"Routes requests to {model.name} on this server"),
        "inferenceProfileArn": arn,
        "models": [{"modelArn": foundation_model_arn(model.region, target)}],
        "inferenceProfileId": name,
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    }


def _words(text: str) -> str:
    """Only what an inference profile's name may hold: words of letters and digits, 64 characters in all."""
    return re.sub(r"[^0-9A-Za-z]+", " ", text)[:64].strip()
