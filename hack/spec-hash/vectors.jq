# Pairs each spec, as the API server keeps it, with the operator's hash of it: one vector a line.
# Input: lists of the RayClusters and RayServices as they were made, and of the operator's RayClusters and Pods.
def hash($key): .metadata.annotations[$key] // empty;

.[0].items as $clusters | .[1].items as $services | .[2].items as $made | .[3].items as $pods
| ($clusters[] | .metadata.name as $name
   | ([$pods[] | select(.metadata.labels["ray.io/cluster"] == $name and .metadata.labels["ray.io/node-type"] == "head")
       | hash("ray.io/upgrade-strategy-recreate-hash")] | first // error("no head pod of RayCluster \($name)")) as $hash
   | {$name, of: "RayCluster", $hash, spec}),
  ($services[] | .metadata.name as $name
   | ([$made[] | select(.metadata.ownerReferences[0].name == $name)
       | hash("ray.io/hash-without-replicas-and-workers-to-delete")] | first // error("no RayCluster of RayService \($name)")) as $hash
   | {$name, of: "RayService", $hash, spec: .spec.rayClusterConfig})
