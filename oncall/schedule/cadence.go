package schedule

import (
	"errors"
	"strconv"
	"strings"
)

// cadence is how often a layer hands off: a number of hours, days or calendar months on the local clock. The zero
// value never hands off.
type cadence struct {
	minutes int64 // of hours, days and weeks
	months  int   // of months
	number  int64 // of days, weeks or months; 0 for hours
}

// unit is a single one of the days, weeks or months.
func (c cadence) unit() cadence {
	return cadence{minutes: c.minutes / c.number, months: c.months / int(c.number), number: 1}
}

// maxCount bounds the number in front of a unit.
const maxCount = 9000

var errCadence = errors.New(`a whole number from 1 to 9000 and one of h, d, w, mo, such as "1w"`)

// parseCadence reads "8h", "3d", "1w" or "2mo". Its error is worded as what was expected.
func parseCadence(text string) (cadence, error) {
	digits := strings.TrimRight(text, "dhmow")
	unit := text[len(digits):]
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > maxCount || strconv.Itoa(n) != digits {
		return cadence{}, errCadence
	}
	switch unit {
	case "h":
		return cadence{minutes: int64(n) * 60}, nil
	case "d":
		return cadence{minutes: int64(n) * minutesPerDay, number: int64(n)}, nil
	case "w":
		return cadence{minutes: int64(n) * 7 * minutesPerDay, number: int64(n)}, nil
	case "mo":
		return cadence{months: n, number: int64(n)}, nil
	}
	return cadence{}, errCadence
}

// never reports whether there is no handoff at all.
func (c cadence) never() bool { return c == cadence{} }

// after is the wall's time of handoff k, counted from `from` so that no error adds up: the 31st comes back after
// February.
func (c cadence) after(from local, k int64) local {
	if c.months > 0 {
		return from.addMonths(int(k) * c.months)
	}
	return from + local(k*c.minutes)
}

// guess is a k whose handoff is near the wall's time at.
func (c cadence) guess(from, at local) int64 {
	if c.months > 0 {
		a, b := from.date(), at.date()
		months := (b.Year()-a.Year())*12 + int(b.Month()) - int(a.Month())
		return max(0, int64(months/c.months))
	}
	return max(0, int64(at-from)/c.minutes)
}
