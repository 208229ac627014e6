// Package answering lets a fetcher be asked over pipes: a JSON object comes in, and an answer goes out in a line.
package answering

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Ask is what a proxy's control plane tells of a plugin. With a name for Cache, all that name it share
// one; without, the cache is fresh.
type Ask struct {
	URL             string `json:"url"`
	Checksum        string `json:"checksum"`
	PullSecret      []byte `json:"pull_secret"` // a dockerconfigjson; base64 in JSON
	PullPolicy      string `json:"pull_policy"` // Always, IfNotPresent, or empty
	ResourceVersion string `json:"resource_version"`
	Cache           string `json:"cache"`
}

// Answer is what became of it; Module is the SHA-256 of the file at Path.
type Answer struct {
	URL          string  `json:"url"`
	Accepted     bool    `json:"accepted"`
	Error        string  `json:"error"`
	Module       string  `json:"module"`
	Path         string  `json:"path"`
	Milliseconds float64 `json:"milliseconds"`
}

// Cache is a fetcher with what it keeps. Get answers with the path of the module file.
type Cache interface {
	Get(Ask) (string, error)
	Close()
}

// Main answers until standard input ends. open makes a cache in an empty folder.
func Main(open func(folder string) Cache) {
	if err := run(open); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(open func(folder string) Cache) error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: %s FOLDER", os.Args[0])
	}
	out, err := alone()
	if err != nil {
		return err
	}
	asks, answers := json.NewDecoder(os.Stdin), json.NewEncoder(out)
	caches := map[string]Cache{}
	for number := 0; ; number++ {
		var ask Ask
		if err := asks.Decode(&ask); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("could not read what is asked: %w", err)
		}
		cache := caches[ask.Cache]
		if cache == nil {
			folder := filepath.Join(os.Args[1], strconv.Itoa(number))
			if err := os.Mkdir(folder, 0o755); err != nil {
				return err
			}
			cache = open(folder)
			if ask.Cache != "" {
				caches[ask.Cache] = cache
			}
		}
		answer, err := get(cache, ask)
		if err != nil {
			return err
		}
		if ask.Cache == "" {
			cache.Close()
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
}

// alone keeps standard output for the answers: whatever a library prints there goes to standard error.
func alone() (*os.File, error) {
	out, err := syscall.Dup(syscall.Stdout)
	if err != nil {
		return nil, err
	}
	if err := syscall.Dup3(syscall.Stderr, syscall.Stdout, 0); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(out), "answers"), nil
}

func get(cache Cache, ask Ask) (Answer, error) {
	start := time.Now()
	path, refusal := guarded(cache, ask)
	answer := Answer{URL: ask.URL, Milliseconds: float64(time.Since(start).Microseconds()) / 1000}
	if refusal != nil {
		answer.Error = refusal.Error()
		return answer, nil
	}
	sum, err := Sum(path)
	answer.Accepted, answer.Path, answer.Module = true, path, sum
	return answer, err
}

// guarded makes a refusal of a panic, which would end the proxy's agent.
func guarded(cache Cache, ask Ask) (path string, refusal error) {
	defer func() {
		if what := recover(); what != nil {
			refusal = fmt.Errorf("panic: %v", what)
		}
	}()
	return cache.Get(ask)
}

// Sum is the SHA-256 of a file in hexadecimal digits.
func Sum(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", hash.Sum(nil)), nil
}
