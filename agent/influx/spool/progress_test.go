package spool

import (
	"fmt"
	"hash/crc32"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// summed is a text with the checksum that fits.
func summed(body string) string {
	return fmt.Sprintf("%scrc %08x\n", body, crc32.Checksum([]byte(body), castagnoli))
}

func TestParseProgress(t *testing.T) {
	const head = "nezuban-spool-delivered 1\n"
	tests := []struct {
		name, text string
		want       progress
		err        string
	}{
		{"nothing yet", summed(head + "lost 0\n"), progress{}, ""},
		{"spans and a part", summed(head + "lost 12\ndone 0 5\ndone 7 9\npart 9 120\n"), progress{done: spans{{0, 5}, {7, 9}}, parts: map[uint64]int{9: 120}, lost: 12}, ""},
		{"spans that touch are one", summed(head + "lost 0\ndone 5 9\ndone 0 5\n"), progress{done: spans{{0, 9}}}, ""},
		{"empty", "", progress{}, `found 0 bytes that are cut off, expected "nezuban-spool-delivered 1" and more`},
		{"cut off", head + "lost 0\ndone 0", progress{}, "found 39 bytes that are cut off"},
		{"cut off at a line's end", head + "lost 0\ndone 0 5\n", progress{}, `line 3: found "done 0 5\n", expected "crc `},
		{"of a later release", summed("nezuban-spool-delivered 2\nlost 0\n"), progress{}, `line 1: found "nezuban-spool-delivered 2\n", expected`},
		{"damaged", strings.Replace(summed(head+"lost 12\n"), "12", "13", 1), progress{}, "line 3: found"},
		{"no number of lost lines", summed(head + "lost many\n"), progress{}, `line 2: found "lost many\n", expected how many lines were lost`},
		{"an empty span", summed(head + "lost 0\ndone 5 5\n"), progress{}, `line 3: found "done 5 5\n", expected a span of records`},
		{"a part of what is done", summed(head + "lost 0\ndone 0 5\npart 4 1\n"), progress{}, `line 4: found "part 4 1\n", expected`},
		{"another word", summed(head + "lost 0\nsent 0 5\n"), progress{}, `line 3: found "sent 0 5\n", expected`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseProgress([]byte(tt.text))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("found %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, compare); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Spans are a set of numbers, whatever is added to them; nothing of the set is lost on the way to the disk and back.
func TestProgressAgainstASet(t *testing.T) {
	path := filepath.Join(folder(t), progressFile)
	rapid.Check(t, func(t *rapid.T) {
		var p progress
		done, parts := map[uint64]bool{}, map[uint64]int{}
		t.Repeat(map[string]func(*rapid.T){
			"finish": func(t *rapid.T) {
				from := rapid.Uint64Range(0, 60).Draw(t, "from")
				s := span{from, from + rapid.Uint64Range(0, 9).Draw(t, "count")}
				p.finish(s)
				for n := s.from; n < s.to; n++ {
					done[n] = true
					delete(parts, n)
				}
			},
			"part": func(t *rapid.T) {
				n := rapid.Uint64Range(0, 60).Draw(t, "record")
				if !done[n] {
					p.part(n, 10)
					parts[n] += 10
				}
			},
			"": func(t *rapid.T) {
				p.lost++
				if err := p.save(path); err != nil {
					t.Fatal(err)
				}
				got, err := loadProgress(path)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(p.lost, got.lost); diff != "" {
					t.Fatal(diff)
				}
				if !maps.Equal(parts, got.parts) {
					t.Fatalf("found parts %v, want %v", got.parts, parts)
				}
				var last uint64
				for n := range uint64(80) {
					end := n
					for done[end] {
						end++
					}
					if found := got.done.end(n); found != end {
						t.Fatalf("found %d as the end from %d on, want %d, in %v", found, n, end, got.done)
					}
					if _, part := parts[n]; part || done[n] {
						last = n + 1
					}
				}
				if found := got.next(); found != last {
					t.Fatalf("found %d as the next, want %d", found, last)
				}
				apart := slices.IsSortedFunc(got.done, func(a, b span) int { return int(a.to+1) - int(b.from) })
				if !apart {
					t.Fatalf("found %v, want them apart", got.done)
				}
			},
		})
	})
}

func FuzzParseProgress(f *testing.F) {
	f.Add([]byte(summed("nezuban-spool-delivered 1\nlost 12\ndone 0 5\ndone 7 9\npart 9 120\n")))
	f.Add([]byte("nezuban-spool-delivered 1\nlost 12\ndone 0 5\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, text := range []string{string(data), summed(string(data)), summed("nezuban-spool-delivered 1\nlost 0\n" + string(data))} {
			p, err := parseProgress([]byte(text))
			if err != nil {
				continue
			}
			again, err := parseProgress(p.encode())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(p, again, compare); diff != "" {
				t.Errorf("%q: (-read +read again)\n%s", text, diff)
			}
		}
	})
}
