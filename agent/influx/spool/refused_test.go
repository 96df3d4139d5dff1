package spool

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestRefuse(t *testing.T) {
	b := newBench(t, 1<<20)
	at := time.Date(2026, 3, 1, 13, 0, 0, 0, time.FixedZone("", 3600))
	if err := b.Refuse("partial write:\nfield type conflict\r\n", "a v=1 1\nb v=2 2\n", at); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	if err := b.Refuse("token refused", "c v=3 3\n", at.Add(1500*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	want := `# 2026-03-01T12:00:00Z refused 2 lines: partial write: field type conflict
a v=1 1
b v=2 2
# 2026-03-01T12:00:01.5Z refused 1 lines: token refused
c v=3 3
`
	if diff := cmp.Diff(want, string(read(t, filepath.Join(b.dir, "refused", "refused.lp")))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The newest 4 MiB are kept, and 8 MiB are never exceeded.
func TestRefusedFilesAreBounded(t *testing.T) {
	b := newBench(t, 1<<20)
	lines := bytes.Repeat([]byte(line(0, 1000)), 700)
	var all []byte
	for i := range 30 {
		words := fmt.Sprintf("refusal %d", i)
		if err := b.Refuse(words, string(lines), start); err != nil {
			t.Fatal(err)
		}
		all = fmt.Appendf(all, "# 2026-03-01T12:00:00Z refused 700 lines: %s\n%s", words, lines)
		var kept []byte
		for _, path := range append(b.files(refusedBefore), b.files("/"+refusedFile)...) {
			kept = append(kept, read(t, path)...)
		}
		if len(kept) > 2*maxRefusedFile || len(kept) < min(len(all), maxRefusedFile) || !bytes.HasSuffix(all, kept) {
			t.Fatalf("after %d found %d bytes, want the newest 4 MiB at least and 8 MiB at most of %d", i+1, len(kept), len(all))
		}
	}
}

func TestOneLine(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"one already", "no such database", "no such database"},
		{"several", "a\r\n\r\nb\nc\n", "a b c"},
		{"long", strings.Repeat("x", 2001), strings.Repeat("x", 2000) + "…"},
		{"cut within a letter", strings.Repeat("x", 1999) + "ä", strings.Repeat("x", 1999) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := oneLine(tt.text); got != tt.want || !utf8.ValidString(got) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}
