package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestConditionSaysALastingTroubleOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		c := NewCondition(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: withoutTime})), "influxdb")
		c.OK()
		for port := range 5 {
			c.Failed(fmt.Errorf("dial 127.0.0.1:%d: refused", 40000+port))
			time.Sleep(time.Second)
		}
		c.Failed(errors.New("answered 503"))
		c.Failed(errors.New("dial 127.0.0.1:7: refused"))
		if !c.Failing() {
			t.Error("found no trouble")
		}
		c.OK()
		c.OK()
		c.Failed(errors.New("answered 503"))
		want := `level=WARN msg=trouble with=influxdb error="dial 127.0.0.1:40000: refused"
level=WARN msg=trouble with=influxdb error="answered 503"
level=INFO msg="trouble is over" with=influxdb lasted=5s failures=7
level=WARN msg=trouble with=influxdb error="answered 503"
`
		if log.String() != want {
			t.Errorf("found\n%s\nexpected\n%s", &log, want)
		}
	})
}

func TestConditionBoundsWhatItSays(t *testing.T) {
	var log strings.Builder
	c := NewCondition(slog.New(slog.NewTextHandler(&log, nil)), "x")
	for i := range 1000 {
		c.Failed(errors.New(strings.Repeat("a", i+1)))
	}
	if got := strings.Count(log.String(), "\n"); got != maxClasses {
		t.Errorf("found %d lines, expected %d", got, maxClasses)
	}
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}
