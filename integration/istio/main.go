// The fetcher of Istio, asked over pipes: what istio-agent does with the URL of a WasmPlugin.
package main

import (
	"fmt"
	"time"

	extensions "istio.io/api/extensions/v1alpha1"
	"istio.io/istio/pkg/wasm"
	"wasmimg.test/answering"
)

// budget is what istiod gives for a fetch (pilot/pkg/model/extensions.go, buildDataSource).
const budget = 30 * time.Second

// policies are the ones of the API; pkg/wasm/convert.go, rewriteVMConfig, reads them by name.
var policies = map[string]extensions.PullPolicy{
	"":             extensions.PullPolicy_UNSPECIFIED_POLICY,
	"Always":       extensions.PullPolicy_Always,
	"IfNotPresent": extensions.PullPolicy_IfNotPresent,
}

type agent struct{ files *wasm.LocalFileCache }

func (a agent) Get(ask answering.Ask) (string, error) {
	policy, known := policies[ask.PullPolicy]
	if !known {
		return "", fmt.Errorf("no pull policy: %q", ask.PullPolicy)
	}
	return a.files.Get(ask.URL, wasm.GetOptions{
		Checksum:        ask.Checksum,
		ResourceName:    "default.plugin",
		ResourceVersion: ask.ResourceVersion,
		RequestTimeout:  budget,
		PullSecret:      ask.PullSecret,
		PullPolicy:      policy,
	})
}

// Close ends the goroutine that purges the cache.
func (a agent) Close() { a.files.Cleanup() }

func main() {
	answering.Main(func(folder string) answering.Cache {
		return agent{wasm.NewLocalFileCache(folder, wasm.Options{})}
	})
}
