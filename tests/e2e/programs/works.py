"""Does as many steps as it is told, one a second, each on a worker: the head offers no CPU."""

import sys
import time

import ray

ray.init()


@ray.remote(num_cpus=1, max_retries=-1)
def step(number):
    time.sleep(1)
    return number


for number in range(int(sys.argv[1])):
    print(f"step {ray.get(step.remote(number))}", flush=True)
print("all steps done", flush=True)
