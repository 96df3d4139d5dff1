//go:build !race

package sim

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// withinSeeds is how many seeds may pass before a planted fault is found.
const withinSeeds = 10_000

// repository is where go.mod lies, as seen from this package.
const repository = "../../../.."

// TestPlantedFaults breaks the product, one line at a time, and wants the simulation to find out. What it changes is a copy:
// the compiler takes it in the place of the file. A fault whose lines are not in the product any more, once, fails: then say
// anew how to break what it is about.
func TestPlantedFaults(t *testing.T) {
	files, err := filepath.Glob("testdata/faults/*.txt")
	if err != nil || len(files) < 12 {
		t.Fatalf("found %d faults, %v, want at least twelve", len(files), err)
	}
	slots := make(chan struct{}, max(runtime.GOMAXPROCS(0), 1))
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			slots <- struct{}{}
			defer func() { <-slots }()
			f, err := readFault(file)
			if err != nil {
				t.Fatal(err)
			}
			f.mustBeFound(t)
		})
	}
}

// fault is a way to break the product.
type fault struct {
	says, file, old, new string
}

// readFault reads a description: what the fault is, the file between dashes, the lines to replace, =>, and the lines in their
// place.
func readFault(path string) (fault, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return fault{}, err
	}
	parts := regexp.MustCompile(`(?s)^(.+?)\n-- (\S+) --\n(.+?\n)=>\n(.*)$`).FindStringSubmatch(string(text))
	if parts == nil {
		return fault{}, fmt.Errorf("%s: expected a sentence, -- FILE --, lines, =>, lines", path)
	}
	return fault{parts[1], parts[2], parts[3], parts[4]}, nil
}

// plant writes the broken file and an overlay that puts it in the place of the good one.
func (f fault) plant(dir string) (overlay string, err error) {
	good, err := filepath.Abs(filepath.Join(repository, f.file))
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(good)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), strings.TrimSuffix(f.old, "\n")); n != 1 {
		return "", fmt.Errorf("%s: found %d times, expected once:\n%s", f.file, n, f.old)
	}
	broken := filepath.Join(dir, "broken.go")
	changed := strings.Replace(string(text), strings.TrimSuffix(f.old, "\n"), strings.TrimSuffix(f.new, "\n"), 1)
	if err := os.WriteFile(broken, []byte(changed), 0o600); err != nil {
		return "", err
	}
	said, err := json.Marshal(map[string]map[string]string{"Replace": {good: broken}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, said, 0o600)
}

// mustBeFound builds the simulation with the fault in it, and wants it to fail.
func (f fault) mustBeFound(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	overlay, err := f.plant(dir)
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(dir, "sim.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", broken, ".").CombinedOutput(); err != nil {
		t.Fatalf("%s\nthe broken product does not build: %v\n%s", f.says, err, out)
	}
	out, err := exec.CommandContext(t.Context(), broken, "-test.run=^TestSimulation$", fmt.Sprint("-sim.seeds=", withinSeeds)).CombinedOutput()
	seed := regexp.MustCompile(`seed (\d+) breaks what was promised[^\n]*\n[^\n]*\n\s*([^\n]*)`).FindSubmatch(out)
	if err == nil || seed == nil {
		t.Fatalf("%s\nnot found within %d seeds: %v\n%s", f.says, withinSeeds, err, out)
	}
	t.Logf("found by seed %s: %s", seed[1], seed[2])
}
