// Writes data/kubernetes-protobuf-*.json: what Go's types say of each message of Kubernetes' protobuf, found by reflection.
//
// With Debian's golang-go, golang-k8s-client-go-dev, golang-k8s-apiextensions-apiserver-dev and golang-k8s-metrics-dev:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run scripts/go/protobuf-facts.go > data/kubernetes-protobuf-1.36.json
package main

import (
	"fmt"
	"os"
	"reflect"
	"sort"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	apidiscoveryv2beta1 "k8s.io/api/apidiscovery/v2beta1"
	extensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/scheme"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1beta1 "k8s.io/apimachinery/pkg/apis/meta/v1beta1"
	"k8s.io/apimachinery/pkg/runtime"
	builtin "k8s.io/client-go/kubernetes/scheme"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// Messages whose JSON is one value: the codec knows them by name.
var values = map[string]bool{
	"k8s.io.apimachinery.pkg.apis.meta.v1.Time": true, "k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime": true, "k8s.io.apimachinery.pkg.apis.meta.v1.Duration": true,
	"k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1": true, "k8s.io.apimachinery.pkg.api.resource.Quantity": true, "k8s.io.apimachinery.pkg.util.intstr.IntOrString": true,
	"k8s.io.apimachinery.pkg.runtime.RawExtension": true,
}

var messages = map[string]string{}
var packages = map[string]string{}

func packageOf(t reflect.Type) string {
	return strings.NewReplacer("/", ".", "-", "_").Replace(t.PkgPath())
}

// fieldOf gives the type of a field's value, and its flags: repeated, map, list in a message of its own, pointer.
func fieldOf(t reflect.Type, isRepeated bool) (string, string) {
	switch t.Kind() {
	case reflect.Pointer:
		name, flags := fieldOf(t.Elem(), isRepeated)
		return name, flags + "p"
	case reflect.Map:
		name, flags := fieldOf(t.Elem(), false)
		return name, flags + "m"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes", ""
		}
		name, flags := fieldOf(t.Elem(), false)
		if isRepeated || t.Name() == "" { // some tags of plain slices say `opt`, and are not heeded
			return name, flags + "r"
		}
		return name, flags + "w"
	case reflect.Struct:
		visit(t)
		return packageOf(t) + "." + t.Name(), ""
	case reflect.Int:
		return "int64", ""
	case reflect.Float64:
		return "double", ""
	}
	return t.Kind().String(), ""
}

func visit(t reflect.Type) {
	name := packageOf(t) + "." + t.Name()
	if _, isKnown := messages[name]; isKnown || values[name] || !strings.HasPrefix(name, "k8s.io") {
		return
	}
	messages[name] = ""
	var fields []string
	for i := range t.NumField() {
		f := t.Field(i)
		tag := strings.Split(f.Tag.Get("protobuf"), ",")
		if !f.IsExported() || len(tag) < 3 {
			continue
		}
		kind, flags := fieldOf(f.Type, tag[2] == "rep")
		json := strings.Split(f.Tag.Get("json"), ",")
		key := json[0]
		if key == "" || key == "-" {
			key = f.Name
			flags += "i" // JSON has the fields of this one in its place
		} else if len(json) == 1 {
			flags += "a" // always in JSON
		}
		if flags != "" {
			flags = ", \"" + flags + "\""
		}
		if rest, isNear := strings.CutPrefix(kind, packageOf(t)+"."); isNear {
			kind = "." + rest
		}
		fields = append(fields, fmt.Sprintf("%q: [%s, %q%s]", key, tag[1], kind, flags))
	}
	messages[name] = strings.Join(fields, ", ")
}

func sortedLines(entries map[string]string, format string) string {
	var lines []string
	for name, value := range entries {
		lines = append(lines, fmt.Sprintf(format, name, value))
	}
	sort.Strings(lines)
	return strings.Join(lines, ",\n")
}

func main() {
	for _, scheme := range []*runtime.Scheme{builtin.Scheme, extensions.Scheme} {
		for kind, t := range scheme.AllKnownTypes() {
			visit(t)
			if name := packageOf(t); !strings.Contains(name, "apimachinery") {
				packages[kind.GroupVersion().String()] = name
			}
		}
	}
	packages["metrics.k8s.io/v1beta1"] = packageOf(reflect.TypeFor[metrics.NodeMetrics]())
	packages["meta.k8s.io/v1"] = packageOf(reflect.TypeFor[metav1.Status]())
	packages["meta.k8s.io/v1beta1"] = packageOf(reflect.TypeFor[metav1beta1.PartialObjectMetadataList]())
	packages["apidiscovery.k8s.io/v2"] = packageOf(reflect.TypeFor[apidiscoveryv2.APIGroupDiscoveryList]())
	packages["apidiscovery.k8s.io/v2beta1"] = packageOf(reflect.TypeFor[apidiscoveryv2beta1.APIGroupDiscoveryList]())
	for _, object := range []any{
		metrics.NodeMetricsList{}, metrics.PodMetricsList{}, metav1.Status{}, metav1.APIGroupList{}, metav1.APIResourceList{}, metav1.APIVersions{},
		metav1.PartialObjectMetadataList{}, metav1beta1.PartialObjectMetadataList{}, metav1.DeleteOptions{}, apidiscoveryv2.APIGroupDiscoveryList{}, apidiscoveryv2beta1.APIGroupDiscoveryList{},
	} {
		visit(reflect.TypeOf(object))
	}
	// kube-aggregator is in no package: from its generated.proto.
	const aggregation = "k8s.io.kube_aggregator.pkg.apis.apiregistration.v1"
	packages["apiregistration.k8s.io/v1"] = aggregation
	meta := func(kind string) string { return `"k8s.io.apimachinery.pkg.apis.meta.v1.` + kind + `"` }
	for kind, fields := range map[string]string{
		"APIService":          `"metadata": [1, ` + meta("ObjectMeta") + `], "spec": [2, ".APIServiceSpec"], "status": [3, ".APIServiceStatus"]`,
		"APIServiceCondition": `"type": [1, "string", "a"], "status": [2, "string", "a"], "lastTransitionTime": [3, ` + meta("Time") + `], "reason": [4, "string"], "message": [5, "string"]`,
		"APIServiceList":      `"metadata": [1, ` + meta("ListMeta") + `], "items": [2, ".APIService", "ra"]`,
		"APIServiceSpec":      `"service": [1, ".ServiceReference", "p"], "group": [2, "string"], "version": [3, "string"], "insecureSkipTLSVerify": [4, "bool"], "caBundle": [5, "bytes"], "groupPriorityMinimum": [7, "int32", "a"], "versionPriority": [8, "int32", "a"]`,
		"APIServiceStatus":    `"conditions": [1, ".APIServiceCondition", "r"]`,
		"ServiceReference":    `"namespace": [1, "string"], "name": [2, "string"], "port": [3, "int32", "p"]`,
	} {
		messages[aggregation+"."+kind] = fields
	}
	fmt.Fprintf(os.Stdout, "{\n\"packages\": {\n%s\n},\n\"messages\": {\n%s\n}\n}\n", sortedLines(packages, "%q: %q"), sortedLines(messages, "%q: {%s}"))
}
