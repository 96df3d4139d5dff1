package public_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"nezuban/packaging/testenv"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/public"
)

// TestInABrowser is a person's way from the link in a message to an acknowledged incident, in a real browser.
func TestInABrowser(t *testing.T) {
	d, server := newSite(t)
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

	if err := chromedp.Do(ctx, chromedp.Navigate(server.URL+public.Link(links, "I1-0", "alice")), chromedp.WaitVisible(chromedp.CSS("#ack"))); err != nil {
		t.Fatalf("open the link: %v", err)
	}
	if state, _ := d.state(); state != incident.Triggered {
		t.Fatalf("opening the link made it %s", state)
	}
	text, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("main")))
	if err != nil || !strings.Contains(text, hostileName) {
		t.Errorf("no %q on the page: %s, %v", hostileName, text, err)
	}
	if title, err := chromedp.Run(ctx, chromedp.Title()); err != nil || title != "Nezuban" {
		t.Errorf("a sender's script ran: title %q, %v", title, err)
	}
	colour, err := chromedp.Run(ctx, chromedp.Evaluate[string](`getComputedStyle(document.querySelector("main")).borderLeftColor`))
	if err != nil || colour != "rgb(204, 0, 0)" {
		t.Errorf("the style sheet does not apply: %s, %v", colour, err)
	}
	if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS("#ack")), chromedp.WaitVisible(chromedp.CSS("main.acknowledged"))); err != nil {
		t.Fatalf("press the button: %v", err)
	}
	if state, by := d.state(); state != incident.Acknowledged || by != "alice" {
		t.Errorf("it is %s by %q", state, by)
	}
}
