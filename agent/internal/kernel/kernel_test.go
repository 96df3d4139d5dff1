package kernel

import (
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"nezuban/packaging/testenv"
)

// The largest number that a file may hold is read, and one more is refused.
func TestNumber(t *testing.T) {
	if v, ok := Number([]byte("18446744073709551615")); !ok || v != math.MaxUint64 {
		t.Errorf("found %d, %v", v, ok)
	}
	for _, text := range []string{"", "18446744073709551616", "99999999999999999999999", "-1", "+1", "1 ", "0x1", "1e3", "٣"} {
		if v, ok := Number([]byte(text)); ok {
			t.Errorf("%q is %d", text, v)
		}
	}
}

// Numbers with a point are read as strconv reads them; what is no such number is refused.
func TestDecimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9]{1,8}(\.[0-9]{1,6})?`).Draw(t, "text")
		want, err := strconv.ParseFloat(text, 64)
		if got, ok := Decimal([]byte(text)); err != nil || !ok || got != want {
			t.Errorf("%q is %v, %v, expected %v", text, got, ok, want)
		}
	})
	for _, text := range []string{"", ".", ".5", "5.", "-1.0", "1.2.3", "1e3", "inf", "0x1p3", "1." + strings.Repeat("0", 99), strings.Repeat("9", 17) + ".5"} {
		if v, ok := Decimal([]byte(text)); ok {
			t.Errorf("%q is %v", text, v)
		}
	}
}

// A file is read whole in each of its forms, however much longer it is than the room.
func TestFormsOfFiles(t *testing.T) {
	text := strings.Repeat(strings.Repeat("x", 1000)+"\n", 100)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, form := range []Form{Whole, Paged, Pieces} {
		for _, most := range []int{0, 1} {
			files := NewFiles(most)
			s := Source{Path: path, Form: form}
			if there, err := files.Add(&s); !there || err != nil {
				t.Fatal(there, err)
			}
			for range 2 {
				if got, err := files.Read(&s); err != nil || string(got) != text {
					t.Errorf("form %d, %d open: read %d bytes, %v, expected %d", form, most, len(got), err, len(text))
				}
			}
			files.Remove(&s)
			if files.Open() != 0 {
				t.Errorf("%d files stay open", files.Open())
			}
		}
	}
	missing := Source{Path: path + "no"}
	if there, err := NewFiles(1).Add(&missing); there || err != nil {
		t.Errorf("a file that is not there: %v, %v", there, err)
	}
}

// The kernel gives /proc/self/mountinfo in pieces with lines of any length: all of it is read.
func TestPiecesOfTheKernel(t *testing.T) {
	list := func() string {
		text, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	files := NewFiles(1)
	s := Source{Path: "/proc/self/mountinfo", Form: Pieces}
	if there, err := files.Add(&s); !there || err != nil {
		t.Fatal(there, err)
	}
	defer files.Remove(&s)
	want := list()
	got, err := files.Read(&s)
	for now := list(); err == nil && now != want; now = list() { // others mount something just now
		want = now
		got, err = files.Read(&s)
	}
	if err != nil || string(got) != want {
		t.Errorf("read %q, %v, expected %q", got, err, want)
	}
	if n := testing.AllocsPerRun(20, func() { _, _ = files.Read(&s) }); n != 0 {
		t.Errorf("reading allocates %v times", n)
	}
}

// The kernel tells when something is mounted, remounted or unmounted, once; of a list that is not held open nobody can say that nothing
// was. It needs root, in a mount namespace of its own.
func TestChanged(t *testing.T) {
	testenv.Root(t)
	inOwnNamespace(t, func(list string) {
		files := NewFiles(1)
		s, beyond := Source{Path: list, Form: Pieces}, Source{Path: list, Form: Pieces}
		for _, s := range []*Source{&s, &beyond} {
			if there, err := files.Add(s); !there || err != nil {
				t.Error(there, err)
				return
			}
			defer files.Remove(s)
		}
		dir := t.TempDir()
		text, err := files.Read(&s)
		if err != nil {
			t.Error(err)
		}
		before, unheard := string(text), false
		for _, step := range []struct {
			name    string
			do      func() error
			changed bool
		}{
			{"nothing", func() error { return nil }, false},
			{"mount", func() error { return syscall.Mount("none", dir, "tmpfs", 0, "") }, true},
			{"nothing", func() error { return nil }, false},
			{"remount", func() error { return syscall.Mount("none", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "") }, true},
			{"unmount", func() error { return syscall.Unmount(dir, 0) }, true},
			{"nothing", func() error { return nil }, false},
		} {
			if err := step.do(); err != nil {
				t.Errorf("%s: %v", step.name, err)
			}
			changed := files.Changed(&s)
			if !files.Changed(&beyond) {
				t.Errorf("%s: not changed, of a list that is not open", step.name)
			}
			text, err := files.Read(&s)
			if err != nil {
				t.Error(err)
			}
			// What others had mounted goes from here too when they delete the folder. That may be read before it is told.
			others := !step.changed && (unheard || string(text) != before)
			if changed != step.changed && !others {
				t.Errorf("%s: changed %v", step.name, changed)
			}
			before, unheard = string(text), string(text) != before && !changed
		}
		if n := testing.AllocsPerRun(20, func() { files.Changed(&s) }); n != 0 {
			t.Errorf("asking allocates %v times", n)
		}
	})
}

// inOwnNamespace runs do where its mounts are nobody else's, on a thread that ends with it.
func inOwnNamespace(t *testing.T, do func(list string)) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends
		err := syscall.Unshare(syscall.CLONE_NEWNS)
		if err == nil {
			err = syscall.Mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
		}
		if err == nil {
			do("/proc/thread-self/mountinfo")
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatalf("a mount namespace: %v", err)
	}
}

// Whatever the text: what is a number stays one when it is written again, and nothing else is taken.
func FuzzDecimal(f *testing.F) {
	for _, text := range []string{"0.42", "1", "1.", ".", "9007199254740993.1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, ok := Decimal([]byte(text))
		if !ok {
			return
		}
		if want, err := strconv.ParseFloat(text, 64); err != nil || math.Abs(v-want) > 1e-9*want {
			t.Errorf("%q is %v, expected %v, %v", text, v, want, err)
		}
	})
}
