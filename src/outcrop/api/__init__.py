"""One file a resource family of the API reference, one function an operation."""
