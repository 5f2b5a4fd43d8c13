"""One file a resource family of the API reference, one function an operation.

To add an operation: a function named after it under `@operation`, in the file of its family. To add a family: a file
and its name in the list below.
"""

from . import (
    async_invoke,
    bidirectional,
    converse,
    copies,
    custom_models,
    customization,
    deployments,
    imports,
    invoke,
    logging,
    models,
    provisioned,
    rerank,
    resource_policies,
    tags,
)

FAMILIES = (
    async_invoke,
    bidirectional,
    converse,
    copies,
    custom_models,
    customization,
    deployments,
    imports,
    invoke,
    logging,
    models,
    provisioned,
    rerank,
    resource_policies,
    tags,
)
"""The families that are served; importing them registers their operations."""
