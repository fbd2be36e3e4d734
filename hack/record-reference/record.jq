# Of a list of objects, the RayCluster $cluster and its children, without what differs from run to run.

def belongs($owner):
  any(.metadata.ownerReferences[]?; .uid == $owner.metadata.uid)
  or (.kind == "PersistentVolumeClaim" and .metadata.labels["ray.io/cluster"] == $owner.metadata.name);

def cleaned:
  del(.status, .metadata.managedFields, .metadata.resourceVersion, .metadata.creationTimestamp, .metadata.generation)
  | if .kind == "RayCluster" then . else del(.metadata.uid) end
  | if .kind == "Secret" then .data |= map_values("") else . end
  | if .kind == "Service" then
      if .spec.clusterIP != "None" then del(.spec.clusterIP, .spec.clusterIPs) else . end
      | .spec.ports[]? |= del(.nodePort)
    elif .kind == "Job" then
      del(.spec.selector)
      | .spec.template.metadata.labels |= with_entries(select(.key | test("controller-uid$|job-name$") | not))
    else . end;

(.items[] | select(.kind == "RayCluster" and .metadata.name == $cluster)) as $owner
| [$owner] + (.items | map(select(.kind != "RayCluster" and belongs($owner))) | sort_by(.kind, .metadata.labels["ray.io/group"], .metadata.labels["ray.io/worker-group-replica-index"], .metadata.labels["ray.io/replica-host-index"], .metadata.name))
| .[]
| cleaned
| walk(if type == "string" then gsub($owner.metadata.uid; "00000000-0000-0000-0000-000000000000") else . end)
