"""One file a resource family of the API reference, one function an operation.

To add an operation: a function named after it under `@operation`, in the file of its family. To add a family: a file
and its name in the list below.
"""

from . import (  # noqa: F401 - importing a family registers its operations
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
