"""Operations on buckets.

Knows nothing of folders or XML.
"""

from __future__ import annotations

from typing import Any

from .errors import S3Error
from .listing import PAGE, read_token, write_token
from .request import S3, Request, owner
from .threads import blocking


async def list_buckets(s3: S3, request: Request) -> dict[str, Any]:
    given = request.given
    prefix, limit = given.get("Prefix", ""), min(given.get("MaxBuckets", 10 * PAGE), 10 * PAGE)
    after = read_token(given["ContinuationToken"]) if given.get("ContinuationToken") else ""
    buckets = [b for b in await blocking(s3.folder.buckets) if b[0].startswith(prefix) and b[0] > after]
    shown = buckets[:limit]
    return {
        "Buckets": [{"Name": name, "CreationDate": at, "BucketRegion": s3.settings.region} for name, at in shown],
        "Owner": owner(s3),
        "ContinuationToken": write_token(shown[-1][0]) if shown and len(buckets) > limit else None,
        "Prefix": prefix or None,
    }


async def create_bucket(s3: S3, request: Request) -> dict[str, Any]:
    wanted = request.given.get("CreateBucketConfiguration", {}).get("LocationConstraint") or s3.settings.region
    if wanted != s3.settings.region:
        raise S3Error("InvalidLocationConstraint", LocationConstraint=wanted)
    await blocking(s3.folder.create_bucket, request.bucket)
    return {"Location": f"/{request.bucket}"}


async def head_bucket(s3: S3, request: Request) -> dict[str, Any]:
    await blocking(s3.folder.bucket, request.bucket)
    return {"BucketRegion": s3.settings.region, "AccessPointAlias": False}


async def get_bucket_location(s3: S3, request: Request) -> dict[str, Any]:
    """S3's oldest region has no name."""
    await blocking(s3.folder.bucket, request.bucket)
    region = s3.settings.region
    return {"LocationConstraint": "" if region == "us-east-1" else region}


async def delete_bucket(s3: S3, request: Request) -> dict[str, Any]:
    """Uploads under way end with their bucket."""
    await blocking(s3.folder.delete_bucket, request.bucket)
    await blocking(s3.uploads.remove_all, request.bucket)
    return {}
