// Package deadman is the switch with which agents and checks watch the router: when the router takes nothing from them
// for a while they tell somebody outside, by PagerDuty's Events API v2 or a webhook, and tell again when it is back.
//
// The apps of agents and checks hand it how each delivery to their router ended, and run it. All senders use one
// deduplication key, so that a hundred of them open one alert. The package never speaks to the router, and takes nothing
// for down that nobody tried.
package deadman

import "time"

// Key is the deduplication key of every sender.
const Key = "nezuban-router-down"

// DefaultAfter is how long the router must have accepted nothing.
const DefaultAfter = 2 * time.Minute

// EventsURL is PagerDuty's Events API; accounts in the EU have https://events.eu.pagerduty.com.
const EventsURL = "https://events.pagerduty.com"

// Config is a switch. Exactly one of RoutingKey and WebhookURL is set; both are secret.
type Config struct {
	Output     string        // name of the output that is the router
	After      time.Duration // how long the router must have accepted nothing
	RoutingKey string        // of a PagerDuty integration of type Events API v2
	EventsURL  string        // base URL of that API
	WebhookURL string
	StateDir   string // remembers that a trigger was sent

	Program string // nezuban-agent, nezuban-checks
	Source  string // name of the host or location
}
