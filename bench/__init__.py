"""Measurements: ratios against peers, all in one run on one machine. Not part of the package.

Knows Outcrop as a client does: its command line, its sockets, and the home folder it is started on.
"""
