//go:build !race

package sim

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// withinSeeds is how many seeds may pass before a planted fault is found. Which one finds it is remembered: only when the
// product has changed so much that it does not any more is there a search.
const withinSeeds = 10_000

var remembering = flag.Bool("sim.remember", false, "write into the descriptions of planted faults which seed has found them")

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
	path                 string // of the description
	says, file, old, new string
	seed                 uint64 // that found it last; 0: none did
}

// readFault reads a description: what the fault is, perhaps the seed that found it last, the file between dashes, the lines to
// replace, =>, and the lines in their place.
func readFault(path string) (fault, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return fault{}, err
	}
	parts := regexp.MustCompile(`(?s)^([^\n]+)\n(?:found by seed (\d+)\n)?-- (\S+) --\n(.+?\n)=>\n(.*)$`).FindStringSubmatch(string(text))
	if parts == nil {
		return fault{}, fmt.Errorf("%s: expected a sentence, perhaps found by seed N, -- FILE --, lines, =>, lines", path)
	}
	seed, _ := strconv.ParseUint(parts[2], 10, 64)
	return fault{path, parts[1], parts[3], parts[4], parts[5], seed}, nil
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
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", overlay, "-o", broken, ".").CombinedOutput(); err != nil {
		t.Fatalf("%s\nthe broken product does not build: %v\n%s", f.says, err, out)
	}
	if f.seed > 0 && f.search(t, broken, f.seed, 1) == f.seed {
		return
	}
	seed := f.search(t, broken, 1, withinSeeds)
	if seed == 0 {
		t.Fatalf("%s\nnot found within %d seeds", f.says, withinSeeds)
	}
	f.remember(t, seed)
}

// search runs seeds of the broken product until one finds out, and returns that; 0: none does.
func (f fault) search(t *testing.T, broken string, first, n uint64) uint64 {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), broken, "-test.run=^TestSimulation$", "-test.timeout=0", fmt.Sprint("-sim.first=", first), fmt.Sprint("-sim.seeds=", n))
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1") // other faults have the other processors
	out, err := cmd.CombinedOutput()
	found := regexp.MustCompile(`seed (\d+) (?:breaks what was promised[^\n]*\n[^\n]*\n\s*([^\n]*)|(ends its process))`).FindSubmatch(out)
	if err == nil {
		return 0
	}
	if found == nil {
		t.Fatalf("%s\nneither found nor not: %v\n%s", f.says, err, out)
	}
	t.Logf("found by seed %s: %s%s", found[1], found[2], found[3])
	seed, _ := strconv.ParseUint(string(found[1]), 10, 64)
	return seed
}

// remember has the description say which seed finds the fault, so that the next test need not search.
func (f fault) remember(t *testing.T, seed uint64) {
	t.Helper()
	if !*remembering {
		t.Logf("to find it at once the next time: go test ./router/internal/duty/sim -run TestPlantedFaults -sim.remember")
		return
	}
	text := fmt.Sprintf("%s\nfound by seed %d\n-- %s --\n%s=>\n%s", f.says, seed, f.file, f.old, f.new)
	if err := os.WriteFile(f.path, []byte(text), 0o600); err != nil {
		t.Error(err)
	}
}
