"""How long the tests that have a long variant go on."""

import os

SOAK = int(os.environ.get("SOAK", "0"))
"""Rounds of the long variant (make soak); 0 in the short one."""
