"""Counts one up in an actor that outlives this program, on a worker: the head offers no CPU."""

import ray

ray.init(namespace="e2e")


@ray.remote(num_cpus=1)
class Count:
    def __init__(self):
        self.value = 0

    def up(self):
        self.value += 1
        return self.value


count = Count.options(name="count", lifetime="detached", get_if_exists=True).remote()
print(f"count {ray.get(count.up.remote())}", flush=True)
