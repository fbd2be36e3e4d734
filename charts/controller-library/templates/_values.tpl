{{- /*
The values of one controller: the library's defaults, then `shared`, then `own`.
Arguments: defaults, shared, own (maps).
*/ -}}
{{- define "controller-library.values" -}}
{{- $notForControllers := list "global" "controller-library" "standalone" "enabled" -}}
{{- $values := mustDeepCopy .defaults -}}
{{- range $layer := list .shared .own -}}
{{- $known := dict -}}
{{- range $key, $value := $layer -}}
{{- if not (or (has $key $notForControllers) (regexMatch "-(controller|crds|library|webhook)$" $key) (kindIs "invalid" $value)) -}}
{{- $_ := set $known $key $value -}}
{{- end -}}
{{- end -}}
{{- $values = mustMergeOverwrite $values (mustDeepCopy $known) -}}
{{- end -}}
{{- toYaml $values -}}
{{- end -}}

{{- /*
Refuses values of KubeRay's chart that would be ignored in silence.
Arguments: values.
*/ -}}
{{- define "controller-library.check" -}}
{{- $values := .values -}}
{{- if and (gt (int $values.replicas) 1) (not $values.leaderElectionEnabled) -}}
{{- fail "replicas: more than one needs leaderElectionEnabled: true, or each of them acts" -}}
{{- end -}}
{{- if eq $values.image.repository "quay.io/kuberay/operator" -}}
{{- fail "image.repository: quay.io/kuberay/operator is KubeRay's own operator; name the registry and path that hold the images of these controllers" -}}
{{- end -}}
{{- with $values.batchScheduler -}}
{{- if or .enabled .name -}}
{{- fail "batchScheduler: gang scheduling is not implemented yet; leave enabled: false and name: \"\"" -}}
{{- end -}}
{{- end -}}
{{- with $values.configuration -}}
{{- if .enabled -}}
{{- fail "configuration: the structured configuration is not implemented yet; leave enabled: false" -}}
{{- end -}}
{{- end -}}
{{- if and $values.logging.baseDir $values.logging.fileName -}}
{{- fail "logging: log files are not implemented; leave baseDir and fileName empty and read standard output" -}}
{{- end -}}
{{- end -}}
