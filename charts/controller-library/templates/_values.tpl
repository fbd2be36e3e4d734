{{- /*
The values of one controller: the library's defaults, then `shared`, then `own`.
Arguments: defaults, shared, own (maps).
*/ -}}
{{- define "controller-library.values" -}}
{{- $notForControllers := list "global" "controller-library" "standalone" "enabled" "userRoles" -}}
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
{{- if regexMatch "(^|/)(operator|kuberay-operator)$" $values.image.repository -}}
{{- fail (printf "image.repository: %s looks like KubeRay's own operator or a mirror of it; name the registry and path that hold the images of these controllers, with a slash at the end if that really is the path" $values.image.repository) -}}
{{- end -}}
{{- $notYet := list "RayCronJob" "SidecarSubmitterRestart" "RayClusterNetworkPolicy" "RayClusterMTLS" "RayClusterHistoryServer" "KubernetesWAS" -}}
{{- range $values.featureGates -}}
{{- if and .enabled (has .name $notYet) -}}
{{- fail (printf "featureGates: %s is not supported yet; set it to false" .name) -}}
{{- end -}}
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
{{- if or $values.logging.baseDir $values.logging.fileName $values.logging.sizeLimit (eq (toString $values.logging.fileEncoder) "console") -}}
{{- fail "logging: log files are not implemented; leave baseDir, fileName and sizeLimit empty, fileEncoder as KubeRay has it, and read standard output" -}}
{{- end -}}
{{- if not (has (toString $values.operatorCommand) (list "<nil>" "" "/manager")) -}}
{{- fail (printf "operatorCommand: %s would do nothing; an image here has one program" $values.operatorCommand) -}}
{{- end -}}
{{- if not (has (toString $values.componentOverride) (list "<nil>" "" "kuberay-operator")) -}}
{{- fail (printf "componentOverride: %s would do nothing; the controllers differ in the label app.kubernetes.io/component" $values.componentOverride) -}}
{{- end -}}
{{- end -}}

{{- /*
What to know about values that are accepted, a line each: those that do nothing here, and those that people copy from KubeRay's
chart, where they are right. Arguments: chart, values.
*/ -}}
{{- define "controller-library.notes" -}}
{{- $values := .values -}}
{{- $nothing := list -}}
{{- range $path := list "componentOverride" "operatorCommand" -}}
{{- if index $values $path -}}{{- $nothing = append $nothing $path -}}{{- end -}}
{{- end -}}
{{- if $values.logging.fileEncoder -}}{{- $nothing = append $nothing "logging.fileEncoder" -}}{{- end -}}
{{- with $nothing }}
- {{ $.chart.Name }}: {{ join ", " . }} {{ ternary "does" "do" (eq (len .) 1) }} nothing here and can be left out.
{{- end }}
{{- with $values.reconcileConcurrency }}
{{- if lt (int .) 16 }}
- {{ $.chart.Name }}: reconcileConcurrency: {{ . }} lets {{ ternary "one slow object" "a few slow objects" (eq (int .) 1) }} delay all others; without it 64 are looked at in parallel.
{{- end }}
{{- end }}
{{- with $values.kubeClient.qps }}
- {{ $.chart.Name }}: kubeClient.qps: {{ . }} makes large clusters and restarts wait; without it there is no limit here, and the API server's own fairness holds.
{{- end }}
{{- with ($values.resources).limits }}
{{- with .cpu }}
- {{ $.chart.Name }}: resources.limits.cpu: {{ . }} throttles the controller, which is then late with everything, its lease too; set a request in place of a limit.
{{- end }}
{{- end }}
{{- end -}}
