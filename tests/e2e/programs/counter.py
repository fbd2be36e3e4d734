"""Counts on some node of the cluster, as the sample does, without packages to install."""

import ray

ray.init()


@ray.remote
class Counter:
    def __init__(self):
        self.value = 0

    def increment(self):
        self.value += 1
        return f"test_counter got {self.value}"


counter = Counter.remote()
for _ in range(5):
    print(ray.get(counter.increment.remote()))
