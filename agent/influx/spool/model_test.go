package spool

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// model is what a spool ought to hold: by kind the lines that wait, in order. Those that were dropped are found out when younger
// ones come.
type model struct {
	*bench
	waiting [Sample + 1][]modelLine
	count   int
	lost    uint64
}

type modelLine struct {
	text string
	at   time.Time
}

func (m *model) write(t *rapid.T) {
	kind := rapid.SampledFrom([]Kind{Event, Sample, Sample}).Draw(t, "kind")
	count := rapid.IntRange(1, 30).Draw(t, "lines")
	size := rapid.SampledFrom([]int{40, 200, 600}).Draw(t, "size")
	lines := rows(m.count, count, size)
	m.count += count
	m.append(kind, lines...)
	for _, text := range lines {
		m.waiting[kind] = append(m.waiting[kind], modelLine{text, m.now})
	}
}

// deliver checks that a batch is a run of what waits, from its beginning unless it is live; some of it is settled.
func (m *model) deliver(t *rapid.T) {
	from := rapid.SampledFrom([]Source{Events, Live, Backlog}).Draw(t, "from")
	maxLines, maxBytes := rapid.IntRange(1, 60).Draw(t, "max lines"), rapid.IntRange(1, 20_000).Draw(t, "max bytes")
	batch, err := m.Next(from, maxLines, maxBytes)
	if err != nil {
		t.Fatal(err)
	}
	lines := split(batch.Lines)
	if len(lines) > maxLines || len(lines) > 1 && len(batch.Lines) > maxBytes {
		t.Fatalf("found %d lines of %d bytes, want at most %d of %d", len(lines), len(batch.Lines), maxLines, maxBytes)
	}
	kind := Sample
	if from == Events {
		kind = Event
	}
	at := m.locate(t, kind, lines)
	if from != Live && len(lines) > 0 {
		m.lost += uint64(at)
		m.waiting[kind] = m.waiting[kind][at:]
		at = 0
	}
	if rapid.Bool().Draw(t, "write meanwhile") {
		m.write(t)
	}
	n := len(lines)
	if !rapid.Bool().Draw(t, "all") {
		n = rapid.IntRange(0, len(lines)).Draw(t, "settled")
	}
	if err := m.Settle(batch, len(strings.Join(lines[:n], ""))); err != nil {
		t.Fatal(err)
	}
	m.waiting[kind] = slices.Delete(m.waiting[kind], at, at+n)
}

// locate says where lines are in what waits.
func (m *model) locate(t *rapid.T, kind Kind, lines []string) int {
	if len(lines) == 0 {
		return 0
	}
	waiting := m.waiting[kind]
	at := slices.IndexFunc(waiting, func(l modelLine) bool { return l.text == lines[0] })
	if at < 0 || at+len(lines) > len(waiting) {
		t.Fatalf("found %d %s from %q on, which do not wait", len(lines), kind, lines[0])
	}
	for i, text := range lines {
		if waiting[at+i].text != text {
			t.Fatalf("found %q, want %q", text, waiting[at+i].text)
		}
	}
	if age := m.now.Sub(waiting[at].at); age > m.opts.MaxAge+m.opts.MaxAge/agesOfLane {
		t.Fatalf("found a line of %v ago", age)
	}
	return at
}

// crash goes on in a copy of the folder, as another process would that finds what this one left.
func (m *model) crash(t *rapid.T) {
	dir := m.dir + "x"
	if err := os.CopyFS(dir, os.DirFS(m.dir)); err != nil {
		t.Fatal(err)
	}
	for _, path := range m.files(segmentEnd) {
		info, err := os.Stat(path)
		if err == nil {
			err = os.Chtimes(dir+strings.TrimPrefix(path, m.dir), info.ModTime(), info.ModTime())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	m.kill()
	m.dir = dir
	m.open()
}

func (m *model) check(t *rapid.T) {
	if size := segmentBytes(m.bench); size > m.opts.MaxBytes {
		t.Fatalf("found %d bytes, want %d at most", size, m.opts.MaxBytes)
	}
	for _, kind := range []Kind{Event, Sample} {
		if len(m.waiting[kind]) == 0 {
			continue
		}
		if oldest := m.Stats().Oldest; m.Stats().Lost == m.lost && oldest.After(m.waiting[kind][0].at) {
			t.Fatalf("found %v as the oldest, want %v", oldest, m.waiting[kind][0].at)
		}
	}
}

// end takes all that is left: what is not there is lost, is older than what is, and was counted.
func (m *model) end(t *rapid.T) {
	for kind, got := range map[Kind][]string{Event: m.drain(Events), Sample: m.drainSamples()} {
		if len(got) > 0 {
			at := m.locate(t, kind, got)
			if at+len(got) != len(m.waiting[kind]) {
				t.Fatalf("found %d %s at the end, of %d", len(got), kind, len(m.waiting[kind])-at)
			}
		}
		m.lost += uint64(len(m.waiting[kind]) - len(got))
	}
	if stats := m.Stats(); stats != (Stats{Lost: m.lost}) {
		t.Fatalf("found %+v, want %d lost and nothing that waits", stats, m.lost)
	}
}

// TestAgainstAModel does anything in any order, over several lives, within narrow bounds and wide ones.
func TestAgainstAModel(t *testing.T) {
	base, run := folder(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		dir := filepath.Join(base, strconv.Itoa(run))
		m := &model{bench: openBench(t, filepath.Join(dir, "spool"), rapid.SampledFrom([]int64{30_000, 60_000, 1 << 30}).Draw(rt, "max bytes"))}
		defer func() { m.kill() }()
		m.opts.MaxAge = 8 * time.Hour
		m.reopen()
		rt.Repeat(map[string]func(*rapid.T){
			"write":   m.write,
			"write ":  m.write,
			"deliver": m.deliver,
			"reopen":  func(*rapid.T) { m.reopen() },
			"kill":    m.crash,
			"wait": func(t *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "minutes")) * time.Minute)
			},
			"": m.check,
		})
		m.end(rt)
	})
}
