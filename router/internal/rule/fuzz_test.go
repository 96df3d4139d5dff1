package rule_test

import (
	"testing"
	"time"

	"github.com/influxdata/line-protocol/v2/lineprotocol"

	"nezuban/agent/influx"
	"nezuban/router/internal/rule"
)

// FuzzRecord starts an engine from a record with any bytes in it: it never panics, and either takes the record or says
// why not.
func FuzzRecord(f *testing.F) {
	f.Add("series/mem%7Cweb%7Ch1", []byte(`{"version":1,"rule":"mem","values":["web","h1"],"since":1795341600000000000}`))
	f.Add("series/gone%7Ch1", []byte(`{"version":1,"rule":"gone","values":["h1"],"known":true,"firing":true,"fired":1}`))
	f.Add("series/check-down%7Cshop", []byte(`{"version":1,"rule":"check-down","values":["shop"],"firing":true}`))
	f.Add("series/shop-availability%7Cshop", []byte(`{"version":1,"rule":"shop-availability","values":["shop"],"firing":true,"severity":"page","burning":255}`))
	f.Add("container/h1/web", []byte(`{"version":1,"host":"h1","name":"web","at":1,"firing":"loop","death":{"at":1},"wait":5,"settle":7}`))
	f.Add("container/h1/web", []byte(`{"version":1,"host":"h1","name":"web","recent":[{"at":-1}],"deaths":[1,2,3,4]}`))
	f.Add("series/x", []byte(`{"version":1,"rule":"mem"}`))
	set, err := compile(everyRule, shopCheck)
	if err != nil {
		f.Fatal(err)
	}
	keys := []string{"mem|web|h1", "gone|h1", "check-down|shop", "shop-availability|shop"}
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		e := rule.NewEngine(set, []rule.Record{{Key: key, Value: value}}, keys, epoch)
		now := epoch
		for range 3 {
			now = now.Add(11 * time.Minute)
			e.Accept(e.Tick(now))
			e.Accept(e.Observe([]influx.Point{
				happened(t, "die exit=1", now), mem("h1", "web", 95, now), heartbeat("h1", "up", now), probe("shop", "tokyo", false, now),
			}, now))
		}
		e.Accept(e.Forget("h1", now))
	})
}

// FuzzContainerEvent feeds any line protocol as container events: no panic, and sent again it changes nothing.
func FuzzContainerEvent(f *testing.F) {
	f.Add([]byte("container_event,host=h1,container_name=web,action=die exit_code=137i,container_id=\"c1\" 1795341600000000000\n"))
	f.Add([]byte("container_event,host=h1,container_name=web,action=present status=\"running\",started_at=-5i\n" +
		"container_event,host=h1,container_name=web,action=kill signal=\"9\" 1795341600000000001\n"))
	f.Add([]byte("container_event,host=h1,container_name=web,action=die exit_code=1i,restart_policy=\"always\" 9223372036854775806\n"))
	f.Add([]byte("container_event,host=h1,container_name=web,action=nap exit_code=1i 0\n"))
	f.Add([]byte("container_event,action=die exit_code=1i\n"))
	set, err := compile(everyRule, shopCheck)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		points, _ := influx.Decode(body, lineprotocol.Nanosecond, epoch)
		for i := range points {
			points[i].Measurement = influx.ContainerEvent
		}
		e := rule.NewEngine(set, nil, nil, epoch)
		first := e.Observe(points, epoch)
		e.Accept(first)
		if again := e.Observe(points, epoch); len(again.Alerts) > 0 {
			t.Errorf("sent again it says %v; at first %v", said(again.Alerts), said(first.Alerts))
		}
		e.Accept(e.Tick(epoch.Add(time.Hour)))
		if unread := rule.NewEngine(set, first.Put, nil, epoch).Unread(); len(unread) > 0 {
			t.Errorf("own records unread: %v", unread)
		}
	})
}
