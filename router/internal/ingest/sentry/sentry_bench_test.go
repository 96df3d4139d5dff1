package sentry_test

import (
	"fmt"
	"strings"
	"testing"

	"nezuban/router/internal/ingest/sentry"
)

// BenchmarkEvent reads and groups one event of about 20 KB: two exceptions, 35 frames and as many breadcrumbs as make
// up the rest, in an envelope as sentry-go sends it.
func BenchmarkEvent(b *testing.B) {
	var frames, crumbs []string
	for i := range 35 {
		frames = append(frames, fmt.Sprintf(`{"module":"shop/basket","function":"(*Basket).load%d","filename":"basket/load.go","abs_path":"/src/basket/load.go","lineno":%d,"in_app":%v}`, i, i, i%3 == 0))
	}
	for i := range 110 {
		crumbs = append(crumbs, fmt.Sprintf(`{"category":"query","message":"select * from basket where id = %d","timestamp":"2026-11-22T02:45:23Z"}`, i))
	}
	payload := `{"event_id":"123456789abcdef0123456789abcdef0","timestamp":"2026-11-22T02:45:23Z","breadcrumbs":[` + strings.Join(crumbs, ",") +
		`],"exception":[{"type":"*net.OpError","value":"dial tcp"},{"type":"*fmt.wrapError","value":"load","stacktrace":{"frames":[` + strings.Join(frames, ",") + `]}}]}`
	envelope := fmt.Sprintf("{}\n{\"type\":\"event\",\"length\":%d}\n%s\n", len(payload), payload)
	b.SetBytes(int64(len(envelope)))
	b.ReportAllocs()
	for b.Loop() {
		r, err := sentry.NewReader(strings.NewReader(envelope))
		if err != nil {
			b.Fatal(err)
		}
		item, err := r.Next()
		if err != nil {
			b.Fatal(err)
		}
		event, err := sentry.ParseEvent(item.Payload)
		if err != nil || len(event.Group().Key) != 32 {
			b.Fatal(err)
		}
	}
}
