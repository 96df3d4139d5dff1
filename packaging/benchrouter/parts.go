package main

import (
	"context"
	"fmt"
	"time"
)

// each calls do for the router and for the Alertmanager, in every round one after the other.
func (b *bench) each(rounds int, do func(s *subject, ours bool) error) error {
	for range rounds {
		if err := do(b.ours, true); err != nil {
			return fmt.Errorf("%s: %w", b.ours.name, err)
		}
		if err := do(b.theirs, false); err != nil {
			return fmt.Errorf("%s: %w", b.theirs.name, err)
		}
	}
	return nil
}

func (r *row) add(ours bool, value float64) {
	if ours {
		r.ours = append(r.ours, value)
	} else {
		r.theirs = append(r.theirs, value)
	}
}

// latency sends one alert after the other, each when the page of the one before has come.
func (b *bench) latency(ctx context.Context) error {
	const pages = 200
	p50 := b.table.row("first page, from sending the alert, p50", "ms", "less", 3)
	p99 := b.table.row("first page, from sending the alert, p99", "ms", "less", 20)
	return b.each(b.rounds, func(s *subject, ours bool) error {
		var took []time.Duration
		for range pages {
			id := fmt.Sprintf("b%07d", b.number)
			list := b.fresh(1, "critical")
			began := time.Now()
			if _, _, err := send(ctx, s.host, requests(s.host, list, 1), 1); err != nil {
				return err
			}
			at, err := b.to.awaitOne(ctx, id, false)
			if err != nil {
				return err
			}
			b.sent[s] = append(b.sent[s], list...)
			took = append(took, at.Sub(began))
		}
		p50.add(ours, quantile(milliseconds(took), 0.5))
		p99.add(ours, quantile(milliseconds(took), 0.99))
		return nil
	})
}

// resolves ends alerts of the router one after the other. An Alertmanager tells of it after its group_interval, which
// defaults awaits.
func (b *bench) resolves(ctx context.Context) error {
	const ends = 50
	r := b.table.row("resolve told, from sending it, p99", "ms", "less", 5000)
	for round := range b.rounds {
		var took []time.Duration
		for i := range ends {
			id := fmt.Sprintf("end-%d-%d", round, i)
			if err := b.post(ctx, b.ours, []string{id}, "critical", time.Time{}); err != nil {
				return err
			}
			if _, err := b.to.awaitOne(ctx, id, false); err != nil {
				return err
			}
			began := time.Now()
			if err := b.post(ctx, b.ours, []string{id}, "critical", began); err != nil {
				return err
			}
			at, err := b.to.awaitOne(ctx, id, true)
			if err != nil {
				return err
			}
			took = append(took, at.Sub(began))
		}
		r.add(true, quantile(milliseconds(took), 0.99))
	}
	return nil
}

// seconds lets a second alert join each of some incidents of the router, one after the other. An Alertmanager tells of it after
// its group_interval, which defaults awaits.
func (b *bench) seconds(ctx context.Context) error {
	const pairs = 10
	r := b.table.row("second alert told, from sending it, slowest", "ms", "less", 5000)
	for round := range b.rounds {
		var took []time.Duration
		for i := range pairs {
			pair := fmt.Sprintf("pair-%d-%d", round, i)
			one := func(part string) (sent time.Time, err error) {
				list := [][]byte{paired(alert(pair+part, "critical", b.began, time.Time{}), pair)}
				sent = time.Now()
				_, _, err = send(ctx, b.ours.host, requests(b.ours.host, list, 1), 1)
				return sent, err
			}
			if _, err := one("-1"); err != nil {
				return err
			}
			if _, err := b.to.awaitOne(ctx, pair+"-1", false); err != nil {
				return err
			}
			sent, err := one("-2")
			if err != nil {
				return err
			}
			at, err := b.to.awaitJoined(ctx, pair)
			if err != nil {
				return err
			}
			took = append(took, at.Sub(sent))
		}
		r.add(true, quantile(milliseconds(took), 1))
	}
	return nil
}

// throughput sends fresh alerts and notes how many were taken a second, and a second of the program's processor time.
func (b *bench) throughput(ctx context.Context, what string, goal float64, n, each, conns int, severity string) error {
	rate := b.table.row(what, "1/s", "more", goal)
	perCPU := b.table.row(what+", per CPU-second", "1/s", "more", 0)
	return b.each(b.rounds, func(s *subject, ours bool) error {
		list := b.fresh(n, severity)
		b.to.forget()
		if err := b.timed(ctx, s, ours, requests(s.host, list, each), n, conns, rate, perCPU); err != nil {
			return err
		}
		b.sent[s] = append(b.sent[s], list...)
		if severity != "critical" {
			return nil
		}
		if err := b.to.await(ctx, n); err != nil { // before the other's turn
			return err
		}
		return nil
	})
}

func (b *bench) timed(ctx context.Context, s *subject, ours bool, list [][]byte, n, conns int, rate, perCPU *row) error {
	before, err := s.cpu()
	if err != nil {
		return err
	}
	took, _, err := send(ctx, s.host, list, conns)
	if err != nil {
		return err
	}
	after, err := s.cpu()
	if err != nil {
		return err
	}
	rate.add(ours, float64(n)/took.Seconds())
	perCPU.add(ours, float64(n)/max(after-before, 10*time.Millisecond).Seconds())
	return nil
}

func (b *bench) singles(ctx context.Context) error {
	return b.throughput(ctx, "new, one alert a request, 64 connections, nobody to tell", 5000, 2000, 1, 64, "info")
}

// paged also waits until all pages are out, and notes how fast they went.
func (b *bench) paged(ctx context.Context) error {
	const n = 3000
	rate := b.table.row("new, one alert a request, 64 connections, each paged", "1/s", "more", 0)
	pages := b.table.row("pages sent meanwhile and after", "1/s", "more", 0)
	return b.each(b.rounds, func(s *subject, ours bool) error {
		list := b.fresh(n, "critical")
		b.to.forget()
		began := time.Now()
		took, _, err := send(ctx, s.host, requests(s.host, list, 1), 64)
		if err != nil {
			return err
		}
		rate.add(ours, n/took.Seconds())
		if err := b.to.await(ctx, n); err != nil {
			return err
		}
		pages.add(ours, n/time.Since(began).Seconds())
		b.sent[s] = append(b.sent[s], list...)
		return nil
	})
}

// tenThousand fills up to ten thousand open incidents and notes the memory, before and after a restart.
func (b *bench) tenThousand(ctx context.Context) error {
	if err := b.fill(ctx, 10_000); err != nil {
		return err
	}
	return b.memory(ctx, "10,000 open", 150)
}

// fill opens paged incidents until there are so many.
func (b *bench) fill(ctx context.Context, want int) error {
	return b.each(1, func(s *subject, _ bool) error {
		missing := want - len(b.sent[s])
		if missing <= 0 {
			return nil
		}
		list := b.fresh(missing, "critical")
		b.to.forget()
		if _, _, err := send(ctx, s.host, requests(s.host, list, 100), 4); err != nil {
			return err
		}
		b.sent[s] = append(b.sent[s], list...)
		return b.to.await(ctx, missing)
	})
}

// memory notes what the programs hold, and what after a restart. An Alertmanager has lost its alerts then: they are sent
// again, as a Prometheus does.
func (b *bench) memory(ctx context.Context, what string, goal float64) error {
	now := b.table.row("memory, "+what, "MiB", "less", goal)
	nowOwned := b.table.row("memory, "+what+", without pages of files", "MiB", "less", 0)
	then := b.table.row("memory, "+what+", after a restart", "MiB", "less", goal)
	owned := b.table.row("memory, "+what+", after a restart, without pages of files", "MiB", "less", 0)
	starts := b.table.row("ready after a restart, "+what, "s", "less", 10)
	return b.each(1, func(s *subject, ours bool) error {
		rss, own, err := s.rss()
		if err != nil {
			return err
		}
		now.add(ours, rss)
		nowOwned.add(ours, own)
		s.stop()
		took, err := s.start(ctx)
		if err != nil {
			return err
		}
		starts.add(ours, took.Seconds())
		if !ours {
			if _, _, err := send(ctx, s.host, requests(s.host, b.sent[s], 100), 4); err != nil {
				return err
			}
		}
		if rss, own, err = s.rss(); err != nil {
			return err
		}
		then.add(ours, rss)
		owned.add(ours, own)
		return nil
	})
}

func (b *bench) batches(ctx context.Context) error {
	return b.throughput(ctx, "new, 100 alerts a request, 4 connections, nobody to tell", 10_000, 10_000, 100, 4, "info")
}

// resend sends again what is open, unchanged.
func (b *bench) resend(ctx context.Context) error {
	if err := b.again(ctx, "unchanged, 64 alerts a request, 4 connections", 50_000, 64, 4, 1); err != nil {
		return err
	}
	return b.again(ctx, "unchanged, one alert a request, 8 connections", 10_000, 1, 8, 4)
}

func (b *bench) again(ctx context.Context, what string, goal float64, each, conns, share int) error {
	rate := b.table.row(what, "1/s", "more", 0)
	perCPU := b.table.row(what+", per CPU-second", "1/s", "more", goal)
	return b.each(b.rounds, func(s *subject, ours bool) error {
		list := b.sent[s][:len(b.sent[s])/share]
		return b.timed(ctx, s, ours, requests(s.host, list, each), len(list), conns, rate, perCPU)
	})
}

// all fills up to the number of open incidents that was asked for, and notes the memory.
func (b *bench) all(ctx context.Context) error {
	if b.open <= 10_000 {
		return nil
	}
	if err := b.fill(ctx, b.open); err != nil {
		return err
	}
	goal := 0.0
	if b.open == 100_000 {
		goal = 900
	}
	return b.memory(ctx, fmt.Sprintf("%d open", b.open), goal)
}

// background is what an Alertmanager with defaults does meanwhile: its first page, and then a second alert of the group and a
// resolve, as far as they come within the time that there is.
func (b *bench) background(ctx context.Context) error {
	sent := time.Now()
	if err := b.post(ctx, b.waiting, []string{"default-1"}, "critical", time.Time{}); err != nil {
		return err
	}
	at, err := b.late.awaitOne(ctx, "default-1", false)
	if err != nil {
		return err
	}
	b.table.row("first page, defaults", "ms", "less", 0).add(false, float64(at.Sub(sent).Milliseconds()))
	sent = time.Now()
	if err := b.post(ctx, b.waiting, []string{"default-2"}, "critical", time.Time{}); err != nil {
		return err
	}
	if err := b.post(ctx, b.waiting, []string{"default-1"}, "critical", sent); err != nil {
		return err
	}
	second, err := b.late.awaitOne(ctx, "default-2", false)
	if err != nil {
		return err
	}
	over, err := b.late.awaitOne(ctx, "default-1", true)
	if err != nil {
		return err
	}
	b.table.row("second alert told, defaults", "ms", "less", 5000).add(false, float64(second.Sub(sent).Milliseconds()))
	b.table.row("resolve told, defaults", "ms", "less", 5000).add(false, float64(over.Sub(sent).Milliseconds()))
	return nil
}

// defaults ends with what the background has come to.
func (b *bench) defaults(context.Context) error {
	select {
	case err := <-b.behind:
		return err
	case <-time.After(max(time.Until(b.began.Add(b.wait)), 0)):
	}
	fmt.Printf("an Alertmanager with defaults has not told of a second alert and a resolve %.0f s after its first page; 5 min is its group_interval: -wait 6m awaits it\n", time.Since(b.began).Seconds()-30)
	return nil
}
