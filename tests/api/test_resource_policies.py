"""Resource policies: on what is not there, of text that is none; then kept, replaced, dropped with the thing."""

from __future__ import annotations

import json
from pathlib import Path

from tests.api.customs import add_custom
from tests.api.service import served

POLICY = json.dumps({"Version": "2012-10-17", "Statement": []})


async def test_a_policy_is_kept_replaced_and_goes_with_what_it_is_on(tmp_path: Path) -> None:
    async with served(tmp_path) as api:
        arn = await add_custom(api, "m")
        for gone, policy in ((arn[:-12] + "aaaaaaaaaaaa", POLICY), (arn, "none"), (arn, "[]"), (arn, "[" * 15_000)):
            refused = await api("PutResourcePolicy", resourceArn=gone, resourcePolicy=policy)
            assert refused["Error"]["Code"] == "ValidationException"
        missing = await api("GetResourcePolicy", resourceArn=arn)
        assert missing["Error"]["Code"] == "ResourceNotFoundException"
        for policy in (POLICY, POLICY.replace("[]", "[{}]")):
            await api("PutResourcePolicy", resourceArn=arn, resourcePolicy=policy)
            assert (await api("GetResourcePolicy", resourceArn=arn))["resourcePolicy"] == policy
        await api("DeleteResourcePolicy", resourceArn=arn)
        again = await api("DeleteResourcePolicy", resourceArn=arn)
        assert again["Error"]["Code"] == "ResourceNotFoundException"
        await api("PutResourcePolicy", resourceArn=arn, resourcePolicy=POLICY)
        await api("DeleteCustomModel", modelIdentifier=arn)
        missing = await api("GetResourcePolicy", resourceArn=arn)
        assert missing["Error"]["Code"] == "ResourceNotFoundException"
