"""Runs for as many seconds as it is told."""

import sys
import time

for second in range(int(sys.argv[1])):
    print(f"tick {second}", flush=True)
    time.sleep(1)
print("all ticks done", flush=True)
