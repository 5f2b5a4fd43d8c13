"""The doors that are not the AWS protocol: one file a door, each an ASGI app that `app.py` mounts.

Doors know the services they open and nothing of each other.
"""
