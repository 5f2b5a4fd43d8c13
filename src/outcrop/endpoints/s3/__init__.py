"""S3 on the service's own address, over the same objects that s3:// URLs name, so that AWS scripts run unchanged.

Knows nothing of what objects hold. docs/s3.md says what is here and what is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...store.folder import Folder
from ...store.uploads import Uploads
from .door import S3Door
from .forward import Forward
from .request import S3

if TYPE_CHECKING:
    from ...services import Services


def s3_door(services: Services) -> S3Door:
    folder = Folder(services.objects.root)
    forward = Forward(services.settings, folder) if services.settings.objects_url else None
    return S3Door(services, S3(services.settings, folder, Uploads(folder)), forward)
