package kernel

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
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
	want, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	files := NewFiles(1)
	s := Source{Path: "/proc/self/mountinfo", Form: Pieces}
	if there, err := files.Add(&s); !there || err != nil {
		t.Fatal(there, err)
	}
	defer files.Remove(&s)
	got, err := files.Read(&s)
	if err != nil || string(got) != string(want) {
		t.Errorf("read %q, %v, expected %q", got, err, want)
	}
	if n := testing.AllocsPerRun(20, func() { _, _ = files.Read(&s) }); n != 0 {
		t.Errorf("reading allocates %v times", n)
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
