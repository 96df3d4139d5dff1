package schedule

import (
	"archive/zip"
	_ "embed" // for the tz database
	"fmt"
	"io"
	"strings"
	"time"
)

// TZRelease is the release of the tz database that this package carries. A newer one can move shifts.
const TZRelease = "2025c"

// zoneinfo is the tz database, see tzdata/README.
//
//go:embed tzdata/zoneinfo.zip
var zoneinfo string

// LoadZone gives the zone of that exact name from the embedded tz database, such as Europe/Berlin.
func LoadZone(name string) (*time.Location, error) {
	zones, err := newZoneStore()
	if err != nil {
		return nil, err
	}
	return zones.load(name)
}

// zoneStore loads zones from the embedded database, each once. It is for one goroutine.
type zoneStore struct {
	archive *zip.Reader
	loaded  map[string]*time.Location
	clocks  map[*time.Location]*clock
	jumped  map[jumpKey][]jump
}

func newZoneStore() (*zoneStore, error) {
	archive, err := zip.NewReader(strings.NewReader(zoneinfo), int64(len(zoneinfo)))
	if err != nil {
		return nil, fmt.Errorf("open the embedded tz database: %w", err)
	}
	return &zoneStore{archive: archive, loaded: map[string]*time.Location{}, clocks: map[*time.Location]*clock{}, jumped: map[jumpKey][]jump{}}, nil
}

// load gives the zone of that exact name, such as Europe/Berlin. The machine's own zone, Local, is none.
func (s *zoneStore) load(name string) (*time.Location, error) {
	if zone, ok := s.loaded[name]; ok {
		return zone, nil
	}
	if name == "" || strings.HasSuffix(name, "/") {
		return nil, fmt.Errorf("load zone %q: no such zone", name)
	}
	data, err := s.read(name)
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocationFromTZData(name, data)
	if err != nil {
		return nil, fmt.Errorf("load zone %q: %w", name, err)
	}
	s.loaded[name] = zone
	return zone, nil
}

// names are those of all zones, as the database lists them.
func (s *zoneStore) names() []string {
	names := make([]string, 0, len(s.archive.File))
	for _, file := range s.archive.File {
		if !strings.HasSuffix(file.Name, "/") {
			names = append(names, file.Name)
		}
	}
	return names
}

// clock is the clock of a zone that has been loaded.
func (s *zoneStore) clock(zone *time.Location) *clock {
	c, ok := s.clocks[zone]
	if !ok {
		c = newClock(zone)
		s.clocks[zone] = c
	}
	return c
}

func (s *zoneStore) read(name string) ([]byte, error) {
	for _, file := range s.archive.File {
		if file.Name != name {
			continue
		}
		in, err := file.Open()
		if err != nil {
			return nil, fmt.Errorf("load zone %q: %w", name, err)
		}
		defer in.Close()
		data, err := io.ReadAll(in)
		if err != nil {
			return nil, fmt.Errorf("load zone %q: %w", name, err)
		}
		return data, nil
	}
	return nil, fmt.Errorf("load zone %q: no such zone", name)
}
