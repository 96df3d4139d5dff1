package schedule

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Hours are times of each week on the clock of a zone, as `hold` and `quiet` give them: in them tickets wait. The zero
// value has none. They never make up the whole week, so that what waits in them has an end.
//
// An hour that the clock shows twice is in them both times; what the clock leaves out is not there to wait in.
type Hours struct {
	texts []string // as written
	open  windows
	clock *clock
}

// Until is the end of the hours under way at t, in the zone of the hours; zero when t is in none.
func (h Hours) Until(t time.Time) time.Time {
	var end time.Time
	for at := t; !h.IsZero() && h.open.at(at, h.clock); at = end {
		end = h.open.next(at, h.clock).In(h.clock.zone)
	}
	return end
}

// String is the hours as the file has them, such as "22:00-08:00, Sat 00:00-Mon 08:00 Europe/Berlin".
func (h Hours) String() string {
	if h.IsZero() {
		return "none"
	}
	return strings.Join(h.texts, ", ") + " " + h.clock.zone.String()
}

// IsZero reports whether there are no hours.
func (h Hours) IsZero() bool { return h.open.list == nil }

// hoursJSON is the stored form of hours.
type hoursJSON struct {
	Windows []string `json:"windows"`
	Zone    string   `json:"zone"`
}

// MarshalJSON writes hours so that UnmarshalJSON reads them, with whatever database of zones it has.
func (h Hours) MarshalJSON() ([]byte, error) {
	if h.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(hoursJSON{Windows: h.texts, Zone: h.clock.zone.String()})
}

// UnmarshalJSON reads stored hours. Those that this release cannot read are none: what would have waited goes out.
func (h *Hours) UnmarshalJSON(data []byte) error {
	*h = Hours{}
	var stored hoursJSON
	if err := json.Unmarshal(data, &stored); err != nil || len(stored.Windows) == 0 {
		return nil //nolint:nilerr // a ticket at night is better than an incident that cannot be read
	}
	read, err := ParseHours(stored.Windows, stored.Zone)
	if err == nil {
		*h = read
	}
	return nil
}

// ParseHours reads windows of each week, such as "22:00-08:00" or "Sat 00:00-Mon 08:00", on the clock of a zone. The error is
// worded as what was expected.
func ParseHours(texts []string, zone string) (Hours, error) {
	if len(texts) == 0 || len(texts) > maxWindows {
		return Hours{}, fmt.Errorf("1 to %d %w", maxWindows, errWindow)
	}
	var list []window
	for _, text := range texts {
		open, err := parseWindow(text)
		if err != nil {
			return Hours{}, err
		}
		list = append(list, open...)
	}
	if wholeWeek(list) {
		return Hours{}, errors.New("hours that leave some of the week out")
	}
	zones, err := newZoneStore()
	if err != nil {
		return Hours{}, err
	}
	location, err := zones.load(zone)
	if err != nil {
		return Hours{}, errors.New(`a time zone such as "Europe/Berlin"`)
	}
	return newHours(texts, list, &clock{zone: location}), nil
}

func newHours(texts []string, list []window, c *clock) Hours {
	return Hours{texts: texts, open: newWindows(sorted(list), nil, nil), clock: c}
}

// wholeWeek reports whether windows leave no minute of the week out.
func wholeWeek(list []window) bool {
	list = sorted(slices.Clone(list))
	var reached local // since Monday 00:00; no minute before it is left out
	for _, open := range list {
		if over := open.start + open.length - minutesPerWeek; over > 0 {
			reached = max(reached, over) // it began in the week before
		}
	}
	for _, open := range list {
		if open.start > reached {
			return false
		}
		reached = max(reached, open.start+open.length)
	}
	return reached >= minutesPerWeek
}
