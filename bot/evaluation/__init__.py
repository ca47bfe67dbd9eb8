"""How good the helper is, in numbers: understanding, safety, and reports that people can read.

Judges nothing by itself: it compares what the helper did with what the held-out files say is
right (tests/heldout/README.md), and says how sure one can be of each share.
"""
