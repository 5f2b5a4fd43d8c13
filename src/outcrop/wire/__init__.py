"""The AWS wire: routing, parsing, validation, signatures and serialisation, all read from botocore's service models."""
