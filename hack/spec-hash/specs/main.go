// Prints RayClusters and RayServices with random fields, whatever their schema allows inside pod templates, Services and
// other Kubernetes types, as one list for kubectl. Absent, zero, empty and full values are mixed, so that every rule of
// Go's encoding/json about them shows in the hash.
//
//	go run ./specs CRD.json COUNT SEED
package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"sort"
	"strconv"
)

type object = map[string]any

type schema struct {
	Type                 string             `json:"type"`
	Format               string             `json:"format"`
	Pattern              string             `json:"pattern"`
	Enum                 []any              `json:"enum"`
	Default              any                `json:"default"`
	Properties           map[string]*schema `json:"properties"`
	Required             []string           `json:"required"`
	Items                *schema            `json:"items"`
	AdditionalProperties *schema            `json:"additionalProperties"`
	IntOrString          bool               `json:"x-kubernetes-int-or-string"`
	ListType             string             `json:"x-kubernetes-list-type"`
	ListMapKeys          []string           `json:"x-kubernetes-list-map-keys"`
}

var texts = []string{
	"text", "<a href=\"x\">&'</a>", "a\nb\tc\rd\be\ff", "ünï 漢字 🚀", "\u2028\u2029", "\u0001\u001f\u007f", "back\\slash/", "null", "0",
}

var quantities = []any{
	"1", "1.5Gi", "0.5", "1e3", "12e6", "1000m", "1024Ki", "0.1Ki", "007", "5.", "+1", "1.500", "1e+3", "100E", "16Ei", "-1.5Mi", "0",
	"0.0000000001", "1E", "2048Mi", 0, 1, 1000, 4096, 123456789,
}

var times = []string{"2024-05-06T07:08:09Z", "2024-05-06T07:08:09.987654321+05:30", "1969-12-31T23:59:59.5Z"}

// The status of a Service has patterns.
var fixed = map[string]string{"error": "example.com/Error", "reason": "Reason", "type": "example.com/Type"}

type source struct {
	*rand.Rand
	// Chance of a field to be absent, and of one that is not to be zero or empty.
	absent, zero float64
	counter      int
}

func main() {
	if len(os.Args) != 4 {
		fail("usage: specs CRD.json COUNT SEED")
	}
	spec := read(os.Args[1])
	count, _ := strconv.Atoi(os.Args[2])
	seed, _ := strconv.ParseInt(os.Args[3], 10, 64)
	items := []object{}
	for i := 0; i < count; i++ {
		random := &source{Rand: rand.New(rand.NewSource(seed + int64(i)))}
		// Deep fields only show when most of their parents are there.
		random.absent = 0.3 + 0.65*random.Float64()
		random.zero = 0.4 * random.Float64()
		if i%4 == 3 {
			items = append(items, service(fmt.Sprintf("random-service-%d", i), random, spec))
		} else {
			items = append(items, cluster(fmt.Sprintf("random-%d", i), random, spec))
		}
	}
	json.NewEncoder(os.Stdout).Encode(object{"apiVersion": "v1", "kind": "List", "items": items})
}

// read returns the schema of spec.
func read(path string) *schema {
	text, err := os.ReadFile(path)
	if err != nil {
		fail("%v", err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPIV3Schema schema `json:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := json.Unmarshal(text, &crd); err != nil {
		fail("%v", err)
	}
	for _, version := range crd.Spec.Versions {
		if version.Name == "v1" {
			return version.Schema.OpenAPIV3Schema.Properties["spec"]
		}
	}
	fail("%s has no version v1", path)
	return nil
}

// cluster varies what does not keep the head pod from being created: its hash is read from there.
func cluster(name string, random *source, spec *schema) object {
	worker := spec.Properties["workerGroupSpecs"].Items
	groups := []any{}
	for i := 0; i <= random.Intn(2); i++ {
		groups = append(groups, object{"groupName": fmt.Sprint("group-", i), "replicas": 0, "template": template(random, worker)})
	}
	config := object{"headGroupSpec": head(), "workerGroupSpecs": groups}
	if random.Intn(2) == 0 {
		autoscaler := spec.Properties["autoscalerOptions"]
		options := object{}
		for _, field := range []string{"env", "envFrom", "resources", "securityContext", "volumeMounts"} {
			random.field(options, field, autoscaler.Properties[field], false)
		}
		config["autoscalerOptions"] = options
	}
	return object{"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": object{"name": name}, "spec": config}
}

// service varies more: nothing but validation comes before the hash.
func service(name string, random *source, spec *schema) object {
	group := spec.Properties["headGroupSpec"]
	head := object{"template": template(random, group)}
	random.field(head, "headService", group.Properties["headService"], true)
	if service, ok := head["headService"].(object); ok {
		// A RayService names its head Services itself.
		if metadata, ok := service["metadata"].(object); ok {
			delete(metadata, "name")
		}
	}
	config := object{"headGroupSpec": head}
	if random.Intn(2) == 0 {
		rules := spec.Properties["networkPolicy"].Properties["head"]
		config["networkPolicy"] = object{"head": random.value(rules, "head")}
	}
	return object{"apiVersion": "ray.io/v1", "kind": "RayService", "metadata": object{"name": name}, "spec": object{"rayClusterConfig": config}}
}

func head() object {
	return object{"template": object{"spec": object{"containers": []any{object{"name": "ray", "image": "ray"}}}}}
}

// template is a pod template with a container at least.
func template(random *source, group *schema) any {
	schema := group.Properties["template"]
	all := random.value(schema, "template").(object)
	spec, ok := all["spec"].(object)
	if !ok {
		spec = random.full(schema.Properties["spec"], "spec").(object)
		all["spec"] = spec
	}
	containers := []any{random.full(schema.Properties["spec"].Properties["containers"].Items, "containers")}
	spec["containers"] = containers
	return all
}

// field sets a field, or not. The operator drops empty ones when it writes the object, so they must not be required nor
// have a default that the API server would then set.
func (random *source) field(parent object, name string, schema *schema, required bool) {
	switch {
	case required || schema.Default != nil:
		parent[name] = random.full(schema, name)
	case random.Float64() >= random.absent:
		parent[name] = random.value(schema, name)
	}
}

// value is empty, zero or full.
func (random *source) value(schema *schema, name string) any {
	if random.Float64() >= random.zero || len(schema.Enum) > 0 || schema.Pattern != "" || schema.Format == "date-time" {
		return random.full(schema, name)
	}
	switch {
	case schema.IntOrString:
		return []any{"", 0}[random.Intn(2)]
	case schema.Type == "string":
		return ""
	case schema.Type == "integer":
		return 0
	case schema.Type == "boolean":
		return false
	case schema.Type == "array":
		return []any{}
	case len(schema.Required) == 0:
		return object{}
	}
	return random.full(schema, name)
}

func (random *source) full(schema *schema, name string) any {
	switch {
	case len(schema.Enum) > 0:
		return schema.Enum[random.Intn(len(schema.Enum))]
	case schema.IntOrString && schema.Pattern != "":
		return quantities[random.Intn(len(quantities))]
	case schema.IntOrString:
		return []any{random.Intn(9000), "port", "50%"}[random.Intn(3)]
	case schema.Format == "date-time":
		return times[random.Intn(len(times))]
	case schema.Type == "string" && schema.Pattern != "":
		return fixed[name]
	case schema.Type == "string":
		return texts[random.Intn(len(texts))]
	case schema.Type == "integer":
		return random.Intn(10_000)
	case schema.Type == "boolean":
		return true
	case schema.Type == "array":
		return random.list(schema, name)
	case schema.AdditionalProperties != nil:
		entries := object{}
		for i := 0; i <= random.Intn(3); i++ {
			entries[fmt.Sprint(texts[random.Intn(len(texts))], i)] = random.value(schema.AdditionalProperties, "")
		}
		return entries
	}
	return random.object(schema)
}

func (random *source) list(schema *schema, name string) any {
	items := []any{}
	for i := 0; i <= random.Intn(2); i++ {
		item := random.value(schema.Items, name)
		random.counter++
		for _, key := range schema.ListMapKeys {
			if fields, ok := item.(object); ok && schema.Items.Properties[key].Type == "integer" {
				fields[key] = random.counter
			} else if ok {
				fields[key] = fmt.Sprint("key", random.counter)
			}
		}
		if schema.ListType == "set" {
			item = random.counter
			if schema.Items.Type == "string" {
				item = fmt.Sprint("item", random.counter)
			}
		}
		items = append(items, item)
	}
	return items
}

func (random *source) object(schema *schema) any {
	required := map[string]bool{}
	for _, name := range schema.Required {
		required[name] = true
	}
	names := make([]string, 0, len(schema.Properties))
	for name := range schema.Properties {
		names = append(names, name)
	}
	sort.Strings(names)
	fields := object{}
	for _, name := range names {
		random.field(fields, name, schema.Properties[name], required[name])
	}
	return fields
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(1)
}
