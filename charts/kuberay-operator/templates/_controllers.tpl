{{- /*
Helm hides the values of a chart from its subcharts. So that `image`, `resources` and the rest may stand at the top, as in
KubeRay's chart, and hold for every controller, this chart renders its subcharts' objects itself, by the template `template`.
Arguments: root, template.
*/ -}}
{{- define "kuberay-operator.each-controller" -}}
{{- $root := .root -}}
{{- range $name, $subchart := $root.Subcharts }}
{{- $own := index $root.Values $name }}
{{- if hasKey $own "controller-library" }}
{{- $shared := mustDeepCopy $root.Values }}
{{- with $shared.serviceAccount }}
{{- if and .create .name }}
{{- $_ := set . "name" (printf "%s-%s" .name $name) }}
{{- end }}
{{- end }}
{{- $values := include "controller-library.values"
  (dict "defaults" (index $own "controller-library") "shared" $shared "own" $own) | fromYaml }}
{{ include $.template (dict "root" $root "chart" $subchart.Chart "values" $values) }}
{{- end }}
{{- end }}
{{- end -}}
