package state

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"nezuban/router/internal/state/record"
)

// version is the n-th version of a rotation file, and its text.
func version(n int, text string) (Rotation, []byte) {
	return Rotation{
		Version: 1, Seq: n, Hash: HashRotation([]byte(text)), Since: at.Add(time.Duration(n) * time.Hour), Name: "oncall.toml", By: "alice",
	}, []byte(text)
}

// add stores versions with these texts, counted from a number on.
func add(t *testing.T, s *Store, from int, texts ...string) (want []Rotation) {
	t.Helper()
	for i, text := range texts {
		r, text := version(from+i, text)
		if err := s.AddRotation(t.Context(), r, text); err != nil {
			t.Fatal(err)
		}
		want = append(want, r)
	}
	return want
}

func TestEachVersionOfTheRotationFileIsKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if all, err := s.Rotations(t.Context()); len(all) > 0 || err != nil {
		t.Errorf("found %v in an empty store, %v", all, err)
	}
	if known, err := s.conn.RotationKnown(t.Context()); known || err != nil {
		t.Errorf("found %t in an empty store, %v", known, err)
	}
	texts := []string{"zone = \"UTC\"\n", "zone = \"Europe/Berlin\"\n", "zone = \"UTC\"\n"} // back to the first
	want := add(t, s, 0, texts...)
	s.Close()
	s = open(t, dir)
	if known, err := s.conn.RotationKnown(t.Context()); !known || err != nil {
		t.Errorf("found %t after three versions, %v", known, err)
	}
	got, err := s.Rotations(t.Context())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("found %+v, %v\nwant %+v", got, err, want)
	}
	for i, r := range got {
		if text, err := s.RotationText(t.Context(), r.Hash); err != nil || string(text) != texts[i] {
			t.Errorf("version %d: found %q, %v", i, text, err)
		}
	}
}

func TestAVersionComesInForceInOneTransaction(t *testing.T) {
	s := open(t, t.TempDir())
	add(t, s, 0, "a")
	resp, err := s.client.Get(t.Context(), record.Prefix+"oncall/", optionsAll()...)
	if err != nil || len(resp.Kvs) != 2 || resp.Kvs[0].ModRevision != resp.Kvs[1].ModRevision {
		t.Errorf("found %v, %v, want text and version at one revision", resp.Kvs, err)
	}
}

func TestATextThatIsNotWhatWasAcceptedIsNeverGiven(t *testing.T) {
	s := open(t, t.TempDir())
	r := add(t, s, 0, "a")[0]
	other, err := rotationOps(Rotation{Hash: r.Hash}, []byte("b"))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"another text": other[0].Value, "no JSON": "{", "no gzip": `{"version":1,"gzip":"YQ=="}`,
		"cut short": other[0].Value[:len(other[0].Value)/2] + `"}`,
	} {
		if _, err := s.client.Put(t.Context(), textPrefix+r.Hash, value); err != nil {
			t.Fatal(err)
		}
		if text, err := s.RotationText(t.Context(), r.Hash); err == nil || !strings.Contains(err.Error(), r.Short()) {
			t.Errorf("%s: found %q, %v, want an error that names the version", name, text, err)
		}
	}
	if _, err := s.RotationText(t.Context(), HashRotation([]byte("c"))); err == nil || !strings.Contains(err.Error(), "not in the store") {
		t.Errorf("a version that was never accepted: found %v", err)
	}
}

// What the release before has written, of which its start wrote one anew each time, is the first version.
func TestTheSingleRecordOfTheReleaseBeforeIsTheFirstVersion(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	write := func(text string) {
		t.Helper()
		value, err := json.Marshal(map[string]any{"version": 1, "name": "/etc/nezuban/oncall.toml", "text": []byte(text), "since": at})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.client.Put(t.Context(), "/nezuban/v1/rotation", string(value)); err != nil {
			t.Fatal(err)
		}
	}
	reopen := func() []Rotation {
		t.Helper()
		s.Close()
		s = open(t, dir)
		all, err := s.Rotations(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	write("old")
	want := []Rotation{{Version: 1, Hash: HashRotation([]byte("old")), Since: at, Name: "/etc/nezuban/oncall.toml"}}
	for range 2 { // it is upgraded once
		if got := reopen(); !reflect.DeepEqual(got, want) {
			t.Fatalf("found %+v, want %+v", got, want)
		}
	}
	if text, err := s.RotationText(t.Context(), want[0].Hash); err != nil || string(text) != "old" {
		t.Errorf("found %q, %v", text, err)
	}
	want = append(want, add(t, s, 1, "new")...)
	write("new") // the release before ran again, on the same file
	if got := reopen(); !reflect.DeepEqual(got, want) {
		t.Errorf("found %+v, want %+v", got, want)
	}
	write("newer") // and on another one
	if got := reopen(); len(got) != 3 || got[2].Seq != 2 || got[2].Hash != HashRotation([]byte("newer")) {
		t.Errorf("found %+v, want it as the third", got)
	}
	if resp, err := s.client.Get(t.Context(), "/nezuban/v1/rotation"); err != nil || len(resp.Kvs) != 0 {
		t.Errorf("the old record is still there: %v, %v", resp.Kvs, err)
	}
}

func TestAFencedRouterPutsNoVersionInForce(t *testing.T) {
	s := open(t, t.TempDir())
	later := take(t, s)
	r, text := version(0, "a")
	if err := s.AddRotation(t.Context(), r, text); err == nil {
		t.Error("the earlier one stored a version")
	}
	if all, err := later.Rotations(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("found %v, %v", all, err)
	}
}

// A year of daily edits must stay small beside the quota of 2 GiB, and the largest file that gzip cannot shrink must fit
// into one transaction.
func TestAYearOfEditsIsSmall(t *testing.T) {
	s := open(t, t.TempDir())
	var file strings.Builder
	file.WriteString("zone = \"Europe/Berlin\"\n[people]\n")
	for i := range 60 {
		fmt.Fprintf(&file, "person%02d = { page = [\"pagerduty\", \"5m sms\"], zone = \"Europe/Berlin\" }\n", i)
	}
	for i := range 50 {
		fmt.Fprintf(&file, "[schedule.team%02d]\nlayers = [{ name = \"base\", every = \"1w\", from = \"2026-01-05 09:00\", who = [\"person%02d\", \"person%02d\"] }]\n", i, i, i+1)
	}
	for day := range 365 {
		fmt.Fprintf(&file, "[[change]]\ncover = { on = \"team%02d\", by = \"person%02d\", for = \"person%02d\", from = \"2026-07-%02d 16:00\", to = \"2026-07-%02d 20:00\" }\n",
			day%50, day%60, day%50, day%28+1, day%28+1)
		add(t, s, day, file.String())
	}
	resp, err := s.client.Get(t.Context(), record.Prefix+"oncall/", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, kv := range resp.Kvs {
		total += len(kv.Key) + len(kv.Value)
	}
	t.Logf("365 versions of a file that grows to %d bytes take %d bytes", file.Len(), total)
	if total > 4<<20 {
		t.Errorf("found %d bytes, want at most 4 MiB", total)
	}
	noise := make([]byte, 512<<10)
	random := rand.NewChaCha8([32]byte{})
	random.Read(noise) //nolint:errcheck // never fails
	add(t, s, 365, string(noise))
}

const crashRotationEnv = "NEZUBAN_TEST_CRASH_ROTATION_DIR"

// TestCrashRotationChild is no test: it is the process that TestAVersionSurvivesAKillAtAnyInstant kills. It puts one
// version after another in force and says each one's number once that has returned.
func TestCrashRotationChild(t *testing.T) {
	dir := os.Getenv(crashRotationEnv)
	if dir == "" {
		return
	}
	s, err := Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Rotations(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("open")
	for i := len(all); ; i++ {
		r, text := version(i, fmt.Sprint("version ", i))
		if err := s.AddRotation(context.Background(), r, text); err != nil {
			t.Fatal(err)
		}
		fmt.Println(i)
	}
}

func TestAVersionSurvivesAKillAtAnyInstant(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	accepted := 0
	for round := range 3 {
		accepted = max(accepted, killAfter(t, "TestCrashRotationChild", crashRotationEnv+"="+dir, random.IntN(200)))
		s := open(t, dir)
		all, err := s.Rotations(t.Context())
		if err != nil || len(all) < accepted {
			t.Fatalf("round %d: %d versions were in force, found %d, %v", round, accepted, len(all), err)
		}
		for i, r := range all {
			if text, err := s.RotationText(t.Context(), r.Hash); err != nil || string(text) != fmt.Sprint("version ", i) {
				t.Fatalf("version %d: found %q, %v", i, text, err)
			}
		}
		s.Close()
	}
	t.Logf("%d versions were in force before the kills", accepted)
	if accepted == 0 {
		t.Error("no round accepted anything")
	}
}

// FuzzUnpack feeds the reader of stored texts with anything: it gives a bounded text or an error.
func FuzzUnpack(f *testing.F) {
	ops, err := rotationOps(Rotation{}, []byte("zone = \"UTC\"\n"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(ops[0].Value))
	f.Add([]byte(`{"version":1,"gzip":"YQ=="}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		text, err := unpack(value)
		if err == nil && len(text) > maxText {
			t.Errorf("found %d bytes, want at most %d", len(text), maxText)
		}
	})
}
