package spool

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files of the version that is written")

// comparable ways to look at what has fields of its own.
var compare = cmp.AllowUnexported(header{}, record{}, progress{}, span{}, cursor{}, amount{})

func TestHeader(t *testing.T) {
	good := header{Sample, 0x1234, start}.append(nil)
	change := func(at int, to ...byte) []byte {
		out := bytes.Clone(good)
		copy(out[at:], to)
		return out
	}
	tests := []struct {
		name string
		data []byte
		want string // of the error; "" when there is none
	}{
		{"good", good, ""},
		{"more behind it", append(bytes.Clone(good), 1, 2, 3), ""},
		{"nothing", nil, "found the end of the file within a record"},
		{"cut off", good[:headerSize-1], "found the end of the file within a record"},
		{"no segment", change(0, []byte("SQLite f")...), `found "SQLite f" at its begin, expected "NEZSPOOL"`},
		{"version 0", change(8, 0), "found version 0, expected 1 to 1"},
		{"a later version, whatever follows", change(8, 2, 0, 0, 0, 9), "found version 2, expected 1 to 1"},
		{"damaged", change(20, 9), "found checksum"},
		{"a kind that there is not", header{Kind(3), 1, start}.append(nil), "found kind 3 in its header, expected 1 or 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseHeader(tt.data)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("found %v, want %q", err, tt.want)
				}
				return
			}
			if err != nil || got.kind != Sample || got.first != 0x1234 || !got.time.Equal(start) {
				t.Errorf("found %+v, %v", got, err)
			}
		})
	}
}

func TestReadRecord(t *testing.T) {
	good := record{start, []byte("a v=1 1\nb v=2 2\n")}.append(nil)
	change := func(at int, to byte) []byte {
		out := bytes.Clone(good)
		out[at] = to
		return out
	}
	tests := []struct {
		name  string
		data  []byte
		want  string
		lines bool // they are there in spite of the error
	}{
		{"good", good, "", true},
		{"more behind it", append(bytes.Clone(good), 7), "", true},
		{"the end", nil, "EOF", false},
		{"cut off in its head", good[:recordHead-1], errTorn.Error(), false},
		{"cut off behind its head", good[:recordHead], errTorn.Error(), false},
		{"cut off in its lines", good[:len(good)-1], errTorn.Error(), false},
		{"a length that is damaged is not believed", change(2, 0xff), "found checksum", false},
		{"a time that is damaged", change(8, 0xff), "found checksum", false},
		{"lines that are damaged", change(len(good)-3, 'x'), "of a record's lines", true},
		{"no lines", record{start, nil}.append(nil), "found a record of 0 bytes, expected 1 to 16777216", false},
		{"no newline", record{start, []byte("a")}.append(nil), `found 'a' at the end of a record's lines`, true},
		{"zeros", make([]byte, 100), "found checksum 00000000 before a record", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := readRecord(bytes.NewReader(tt.data), int64(len(tt.data)), make([]byte, 3))
			if tt.want == "" && (err != nil || !got.time.Equal(start) || string(got.lines) != "a v=1 1\nb v=2 2\n") {
				t.Errorf("found %v %q, %v", got.time, got.lines, err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("found %v, want %q", err, tt.want)
			}
			if (got.lines != nil) != tt.lines {
				t.Errorf("found lines %q", got.lines)
			}
		})
	}
}

func TestPrefix(t *testing.T) {
	const text = "1\n22\n333\n"
	tests := []struct {
		name               string
		maxLines, maxBytes int
		atLeastOne         bool
		lines, end         int
	}{
		{"all", 9, 99, true, 3, 9},
		{"all, exactly", 3, 9, true, 3, 9},
		{"lines bound it", 2, 99, true, 2, 5},
		{"bytes bound it", 9, 8, true, 2, 5},
		{"one is too long", 9, 1, true, 1, 2},
		{"one is too long, behind others", 9, 1, false, 0, 0},
		{"no room at all, behind others", 0, 0, false, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if lines, end := prefix([]byte(text), tt.maxLines, tt.maxBytes, tt.atLeastOne); lines != tt.lines || end != tt.end {
				t.Errorf("found %d lines to %d, want %d to %d", lines, end, tt.lines, tt.end)
			}
		})
	}
}

// TestVersion1 pins version 1: a folder that holds these bytes is read by this release, and by the next, which finds here what it
// must read; and what this release writes are these bytes.
func TestVersion1(t *testing.T) {
	const golden = "testdata/version1"
	b := newBench(t, 1<<20)
	b.append(Event, "events,host=web1 title=\"died\" 1772366400000000000\n")
	b.append(Sample, rows(0, 3, 40)...)
	b.take(Live, 2, 1<<20, -1)
	b.now = b.now.Add(time.Second)
	b.append(Sample, rows(3, 2, 40)...)
	files := []string{"events/0000000000000000.seg", "samples/0000000000000000.seg", "samples/delivered"}
	for _, file := range files {
		found := read(t, filepath.Join(b.dir, file))
		if *update {
			if err := os.MkdirAll(filepath.Join(golden, filepath.Dir(file)), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(golden, file), found)
		}
		if want := read(t, filepath.Join(golden, file)); !bytes.Equal(found, want) {
			t.Errorf("%s: found\n%q, want\n%q", file, found, want)
		}
	}

	dir := t.TempDir()
	copyDir(t, golden, dir)
	old := openBench(t, dir, 1<<20)
	if diff := cmp.Diff([]string{"events,host=web1 title=\"died\" 1772366400000000000\n"}, old.drain(Events)); diff != "" {
		t.Errorf("events: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(rows(2, 3, 40), old.drain(Backlog)); diff != "" {
		t.Errorf("samples: (-want +got)\n%s", diff)
	}
	if old.log.Len() > 0 {
		t.Errorf("found in the log: %s", &old.log)
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add(header{Event, 7, start}.append(nil))
	f.Add(header{Sample, 1 << 60, time.Unix(0, -1)}.append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parseHeader(data)
		if err == nil && !bytes.Equal(h.append(nil), data[:headerSize]) {
			t.Errorf("found %+v, which is not what %x says", h, data)
		}
	})
}

func FuzzReadRecord(f *testing.F) {
	f.Add(record{start, []byte("a v=1 1\n")}.append(nil))
	f.Add(record{start, []byte("a")}.append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := readRecord(bytes.NewReader(data), int64(len(data)), nil)
		if err == nil && !bytes.Equal(r.append(nil), data[:r.size()]) {
			t.Errorf("found %+v, which is not what %x says", r, data)
		}
		if errors.Is(err, io.EOF) && len(data) > 0 {
			t.Errorf("found the end at the begin of %x", data)
		}
	})
}

// FuzzSegment opens a spool on any bytes: nothing comes out but whole lines, what comes out was in the bytes, and the spool works.
func FuzzSegment(f *testing.F) {
	whole := header{Sample, 5, start}.append(nil)
	for i := range 3 {
		whole = record{start, []byte(strings.Join(rows(i*2, 2, 40), ""))}.append(whole)
	}
	f.Add(whole, false)
	f.Add(whole[:len(whole)-9], true)
	f.Add(append(bytes.Clone(whole), make([]byte, 50)...), false)
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		damaged := bytes.Clone(whole)
		damaged[random.IntN(len(damaged))] ^= 1 << random.IntN(8)
		f.Add(damaged, random.IntN(2) == 0)
	}
	f.Fuzz(func(t *testing.T, data []byte, more bool) {
		dir := folder(t)
		if err := os.Mkdir(filepath.Join(dir, "samples"), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "samples", segmentName(5)), data)
		if more { // not the last one
			write(t, filepath.Join(dir, "samples", segmentName(9)), record{start, []byte("last v=1 1\n")}.append(header{Sample, 9, start}.append(nil)))
		}
		b := openBench(t, dir, 1<<30)
		b.append(Sample, "new v=1 1\n")
		got := b.drain(Backlog)
		if more && (len(got) == 0 || got[len(got)-1] != "last v=1 1\n") {
			t.Errorf("found %q, want the last at its end", got)
		}
		for _, line := range got {
			if !bytes.Contains(data, []byte(line)) && line != "last v=1 1\n" || !strings.HasSuffix(line, "\n") {
				t.Errorf("found %q, which nobody wrote", line)
			}
		}
		if diff := cmp.Diff([]string{"new v=1 1\n"}, b.drain(Live)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		lost := b.Stats().Lost
		b.kill()
		b.open()
		if stats := b.Stats(); stats.Lost != lost || stats.Bytes != 0 {
			t.Errorf("found %+v, want %d lost and nothing that waits", stats, lost)
		}
		b.kill()
	})
}
