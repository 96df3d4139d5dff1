package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// alert is the JSON of one alert, of about 470 bytes: six labels, three annotations.
func alert(id, severity string, since, until time.Time) []byte {
	ends := ""
	if !until.IsZero() {
		ends = fmt.Sprintf(`"endsAt":%q,`, until.UTC().Format(time.RFC3339Nano))
	}
	return fmt.Appendf(nil, `{"labels":{"alertname":"BenchmarkAlert","bench_id":%q,"severity":%q,"instance":"web-%s.example.org:9100","job":"node","cluster":"frankfurt-1"},`+
		`"annotations":{"summary":"the load of this host is high","description":"The load average of the last five minutes is above twice the number of its cores.",`+
		`"runbook_url":"https://runbooks.example.org/load"},"startsAt":%q,%s"generatorURL":"http://prometheus.example.org/graph?g0.expr=node_load5"}`,
		id, severity, id, since.UTC().Format(time.RFC3339Nano), ends)
}

// paired is an alert that belongs together with another one.
func paired(alert []byte, pair string) []byte {
	return bytes.Replace(alert, []byte(`"job":"node"`), fmt.Appendf(nil, `"job":"node","bench_pair":%q`, pair), 1)
}

// requests packs alerts into whole HTTP requests of so many each.
func requests(host string, alerts [][]byte, each int) [][]byte {
	var list [][]byte
	for len(alerts) > 0 {
		n := min(each, len(alerts))
		body := bytes.Join(alerts[:n], []byte(","))
		list = append(list, fmt.Appendf(nil, "POST /api/v2/alerts HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n[%s]", host, len(body)+2, body))
		alerts = alerts[n:]
	}
	return list
}

// send sends requests over so many connections that are kept, one at a time on each, and returns how long all took and each
// one's time. Any answer but 200 is an error. It speaks HTTP/1.1 by hand, so that the load costs less than what it measures.
func send(ctx context.Context, host string, list [][]byte, conns int) (all time.Duration, each []time.Duration, err error) {
	each = make([]time.Duration, len(list))
	errs := make([]error, conns)
	var next atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	for c := range conns {
		group.Go(func() { errs[c] = sendSome(ctx, host, list, &next, each) })
	}
	group.Wait()
	return time.Since(began), each, errors.Join(errs...)
}

func sendSome(ctx context.Context, host string, list [][]byte, next *atomic.Int64, each []time.Duration) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	answers := bufio.NewReader(conn)
	for {
		i := int(next.Add(1)) - 1
		if i >= len(list) {
			return nil
		}
		began := time.Now()
		if _, err := conn.Write(list[i]); err != nil {
			return err
		}
		if err := readAnswer(answers); err != nil {
			return err
		}
		each[i] = time.Since(began)
	}
}

// readAnswer reads one answer, which must be 200 and say its length.
func readAnswer(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	ok := bytes.HasPrefix(status, []byte("HTTP/1.1 200"))
	said := string(bytes.TrimSpace(status))
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		if name, value, found := bytes.Cut(line, []byte(":")); found && bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return fmt.Errorf("read answer: %w", err)
			}
		}
	}
	body := make([]byte, length)
	for read := 0; read < length; {
		n, err := r.Read(body[read:])
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		read += n
	}
	if !ok {
		return fmt.Errorf("answered %s: %.300s", said, body)
	}
	return nil
}

// ready waits until a URL answers 200, or its program has ended.
func ready(ctx context.Context, url string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("await %s: %w", url, ctx.Err())
		case <-ended:
			return errors.New("it has ended")
		case <-time.After(10 * time.Millisecond):
		}
	}
}
