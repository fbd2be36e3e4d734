"""Ends with an error."""

import sys

print("about to fail", flush=True)
sys.exit(1)
