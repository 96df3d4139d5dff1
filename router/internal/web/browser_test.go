package web_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"nezuban/packaging/testenv"
	"nezuban/router/internal/incident"
)

// tab is a tab of a real browser with a new profile, which ends with the test.
type tab struct {
	*testing.T
	ctx context.Context
}

func startChromium(t *testing.T) tab {
	t.Helper()
	// Its folder is chromedp's own, which ends what still writes there before it removes it.
	ctx, cancel := chromedp.NewExecAllocator(t.Context(),
		chromedp.ExecPath(testenv.Chromium(t)), chromedp.WSURLReadTimeout(time.Minute),
		chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-dev-shm-usage", true),
	)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // starts the browser; a deadline here would end it later
		t.Fatalf("start chromium: %v", err)
	}
	ctx, cancel = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	return tab{t, ctx}
}

func (b tab) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.Fatalf("%s: %v", what, err)
	}
}

// see is the value of an expression or element on the page.
func see[V any](b tab, what chromedp.Action[V]) V {
	b.Helper()
	v, err := chromedp.Run(b.ctx, what)
	if err != nil {
		b.Fatal(err)
	}
	return v
}

// TestInABrowser is a person's way from the printed link to an acknowledged incident.
func TestInABrowser(t *testing.T) {
	s := newSite(t)
	link := s.URL + "/signin?t=" + s.linkSecret(t)
	b := startChromium(t)

	b.do("open the sign-in link and press its button",
		chromedp.Navigate(link), chromedp.Click(chromedp.CSS("#signin")), chromedp.WaitVisible(chromedp.CSS("#incidents")))
	text := see(b, chromedp.Text(chromedp.CSS("main")))
	for _, want := range []string{"alice", "api died", `<script>document.title="owned"</script>`, "Acknowledge"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q on the page: %s", want, text)
		}
	}
	if title := see(b, chromedp.Title()); title != "Nezuban" {
		t.Errorf("a sender's script ran: title %q", title)
	}
	colour := see(b, chromedp.Evaluate[string](`getComputedStyle(document.querySelector("article")).borderLeftColor`))
	if colour != "rgb(204, 0, 0)" {
		t.Errorf("the style sheet does not apply: %s", colour)
	}

	b.do("press Acknowledge", chromedp.Click(chromedp.CSS("button.ack")), chromedp.WaitVisible(chromedp.CSS("#timeline")))
	state := see(b, chromedp.Text(chromedp.CSS("article .state")))
	if state != "acknowledged" || s.state() != incident.Acknowledged || s.incident.AcknowledgedBy != "alice" {
		t.Errorf("the page says %q, the incident is %s by %q", state, s.state(), s.incident.AcknowledgedBy)
	}

	b.do("use the link again",
		chromedp.Navigate(link), chromedp.Click(chromedp.CSS("#signin")), chromedp.WaitVisible(chromedp.CSS("#message")))
	if text := see(b, chromedp.Text(chromedp.CSS("#message"))); !strings.Contains(text, "does not let you in") {
		t.Errorf("the used link answers %q", text)
	}
}
