"""Model invocation logging: who asked which model what, and what it said, in Bedrock's own record format.

Off until PutModelInvocationLoggingConfiguration. A record goes through four rooms, none of which a request waits for:
`record.py` makes the line, `log.py` holds it for a moment, `spool.py` keeps it on disk, `delivery.py` brings it to its
destinations. https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html
"""

from .log import InvocationLog
from .watch import logged

__all__ = ["InvocationLog", "logged"]
