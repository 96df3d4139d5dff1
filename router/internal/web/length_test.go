package web_test

import (
	"testing"
	"time"

	"nezuban/router/internal/web"
)

func TestParseLength(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90m": 90 * time.Minute, "2h": 2 * time.Hour, "1h30m": 90 * time.Minute, "3d": 3 * day, "1w": 7 * day, "1w2d3h": 9*day + 3*time.Hour, "1.5h": 90 * time.Minute,
		"": 0, "0s": 0, "0d": 0, "1ns": 0, "999ms": 0, "1s": time.Second, "5": 0, "5x": 0, "d": 0, "1.5d": 0, "-1h": 0, "-1d": 0, "1d-1h": 0, "2h1d": 0, "1d1w": 0, "1 d": 0, "9999999w": 0, "2000000h4095w": 0, "4095w4095d2000000h": 0, "1d1d": 0,
	} {
		if got, err := web.ParseLength(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: found %s, %v, want %s", text, got, err, want)
		}
	}
}
