// The fetcher of Envoy Gateway, asked over pipes: what its controller does with an EnvoyExtensionPolicy.
//
// The module's path begins with Envoy Gateway's own, so that it may import what is internal there.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	egv1a1 "github.com/envoyproxy/gateway/api/v1alpha1"
	"github.com/envoyproxy/gateway/internal/logging"
	"github.com/envoyproxy/gateway/internal/wasm"
	"wasmimg.test/answering"
)

const scheme = "oci://"

// policies are the ones of the API (internal/gatewayapi/envoyextensionpolicy.go, buildWasm).
var policies = map[string]wasm.PullPolicy{
	"":             wasm.Unspecified,
	"Always":       wasm.Always,
	"IfNotPresent": wasm.IfNotPresent,
}

type controller struct {
	folder string
	server *wasm.HTTPServer
}

func (c controller) Get(ask answering.Ask) (string, error) {
	policy, known := policies[ask.PullPolicy]
	if !known {
		return "", fmt.Errorf("no pull policy: %q", ask.PullPolicy)
	}
	_, sum, err := c.server.Get(tagged(ask.URL), &wasm.GetOptions{
		Checksum:        ask.Checksum,
		ResourceName:    "envoyextensionpolicy/default/plugin/wasm/0",
		ResourceVersion: ask.ResourceVersion,
		PullSecret:      ask.PullSecret,
		PullPolicy:      policy,
	})
	if err != nil {
		return "", err
	}
	return c.file(sum)
}

// tagged does to a URL what buildWasm does before the cache sees it: an image without a tag is :latest.
func tagged(url string) string {
	if !strings.HasPrefix(url, scheme) {
		url = scheme + url
	}
	last := url[strings.LastIndex(url, "/")+1:]
	if !strings.ContainsAny(last, ":@") {
		url += ":latest"
	}
	return url
}

// file finds the module by its sum: the cache serves it over HTTP, and does not say where it keeps it.
func (c controller) file(sum string) (string, error) {
	files, err := filepath.Glob(filepath.Join(c.folder, "*", "*.wasm"))
	if err != nil {
		return "", err
	}
	for _, file := range files {
		if found, err := answering.Sum(file); err != nil || found == sum {
			return file, err
		}
	}
	return "", fmt.Errorf("no file in %s is the module with the checksum %s", c.folder, sum)
}

// Close has nothing to do: only a server that was started needs to be stopped.
func (controller) Close() {}

func main() {
	logger := logging.DefaultLogger(os.Stderr, egv1a1.LogLevelError)
	answering.Main(func(folder string) answering.Cache {
		server := wasm.NewHTTPServerWithFileCache(
			wasm.ServerOptions{Salt: []byte("salt")}, wasm.CacheOptions{CacheDir: folder}, "default", logger)
		return controller{folder, server}
	})
}
