// Package slack pages by posting to a member or a channel through Slack's Web API. What follows of an incident goes to the
// thread of its first message.
//
// Repeat rule: looked up. Each message ends in its page id; before one that may have arrived is sent again, the recent
// messages there are searched for it. Where the token may not read them, it is marked: sent again with "(repeat)".
//
// The router's app calls it through [page.Pager]. It speaks net/http and not slack-go, of whose hundreds of methods three
// would be used, and whose answers would have to be caught below it, as go-pagerduty's are, for their statuses and headers.
// It never logs and puts neither the token nor an address into an error.
package slack

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"nezuban/router/internal/page"
	"nezuban/router/internal/page/attempt"
)

const (
	publicURL = "https://slack.com/api"
	recent    = "100" // messages that a look-up reads
	reasonMax = 100   // characters of an error's text
)

// Config is what a pager needs to know. BaseURL, HTTPClient and Timeout may be zero, nothing else.
type Config struct {
	BaseURL    string        // "" for Slack's own
	Token      string        // "xoxb-…", of a bot with the scope chat:write; secret
	HTTPClient *http.Client  // its transport is used; nil: the default transport
	Timeout    time.Duration // of one request; 0: 5 s
}

// Pager is the Slack channel. It is safe for concurrent use.
type Pager struct {
	config Config
	http   *attempt.Client
}

var _ page.Pager = (*Pager)(nil)

// New makes a pager; it does not speak to Slack yet.
func New(c Config) *Pager {
	if c.BaseURL == "" {
		c.BaseURL = publicURL
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	return &Pager{config: c, http: attempt.NewClient(c.HTTPClient, c.Timeout)}
}

// place is where a message stands: a conversation, and the timestamp that names the message in it.
type place struct{ channel, ts string }

// String is the place as a provider's id.
func (p place) String() string { return p.channel + "/" + p.ts }

// rootOf is the first message of the incident's thread; false when none is known, or when the contacts have since named
// another channel.
func rootOf(m page.Message, address string) (place, bool) {
	channel, ts, ok := strings.Cut(m.ProviderID, "/")
	if !ok || (!isMember(address) && channel != address) {
		return place{}, false
	}
	return place{channel, ts}, true
}

// isMember tells a person's id from a conversation's: what is posted to a person goes to the conversation with them.
func isMember(address string) bool {
	return strings.HasPrefix(address, "U") || strings.HasPrefix(address, "W")
}

// Page implements [page.Pager]: one message to one member or channel. The provider's id is that of the incident's first
// message there.
func (p *Pager) Page(ctx context.Context, m page.Message) (providerID string, err error) {
	to, err := m.Only("slack", "member or channel id")
	if err != nil {
		return "", err
	}
	root, threaded := rootOf(m, to.Address)
	if m.Repeat {
		switch found, failed := p.lookUp(ctx, m, to, root); {
		case failed == nil && found != place{}:
			return first(root, found), nil
		case failed != nil && failed.said.Retry && !failed.unread:
			return "", failed
		}
		// Not there, or it cannot be known: this token may not look, or there is too much to read. Better twice, and saying so, than never.
	}
	posted, failed := p.post(ctx, m, to, root)
	if failed != nil && threaded && !failed.said.Retry {
		// The thread may be gone, locked or of a kind that takes no replies: say it outside.
		root = place{}
		posted, failed = p.post(ctx, m, to, root)
	}
	if failed == nil {
		return first(root, posted), nil
	}
	if failed.unclear {
		if found, unknown := p.lookUp(ctx, m, to, root); unknown == nil && found != (place{}) {
			return first(root, found), nil
		}
	}
	return "", failed
}

// first is what later messages are to follow.
func first(root, posted place) string {
	if root != (place{}) {
		return root.String()
	}
	return posted.String()
}

// post sends the message, below root if there is one. A trigger is shown beside the thread, too.
func (p *Pager) post(ctx context.Context, m page.Message, to page.Recipient, root place) (place, *failure) {
	message := compose(m)
	message.Channel = to.Address
	if root != (place{}) {
		message.Channel, message.ThreadTS, message.ReplyBroadcast = root.channel, root.ts, m.Kind == page.KindTrigger
	}
	var posted struct {
		Channel string `json:"channel"`
		TS      string `json:"ts"`
	}
	failed := p.call(ctx, to, "chat.postMessage", message, &posted)
	if failed == nil && (posted.Channel == "" || posted.TS == "") {
		failed = p.failed(to, true, errors.New("chat.postMessage: the answer names no message: found no channel or no ts, expected those of the message"))
		failed.unclear, failed.unread = true, true
	}
	return place{posted.Channel, posted.TS}, failed
}

// lookUp finds the message that carries m's page id, in root's thread or else among the recent ones to the recipient; the
// zero place when there is none.
func (p *Pager) lookUp(ctx context.Context, m page.Message, to page.Recipient, root place) (place, *failure) {
	channel, method := to.Address, "conversations.history"
	query := url.Values{"limit": {recent}}
	switch {
	case root != place{}:
		channel, method = root.channel, "conversations.replies"
		query.Set("ts", root.ts)
	case isMember(to.Address):
		opened, failed := p.open(ctx, to)
		if failed != nil {
			return place{}, failed
		}
		channel = opened
	}
	query.Set("channel", channel)
	var list struct {
		Messages []struct {
			Text  string `json:"text"`
			TS    string `json:"ts"`
			BotID string `json:"bot_id"`
		} `json:"messages"`
	}
	if failed := p.call(ctx, to, method, query, &list); failed != nil {
		return place{}, failed
	}
	for _, sent := range list.Messages {
		// A person who quotes a page has not sent it.
		if sent.BotID != "" && slices.Contains(strings.Fields(sent.Text), mark(m.PageID)) {
			return place{channel, sent.TS}, nil
		}
	}
	return place{}, nil
}

// open returns the conversation with a member.
func (p *Pager) open(ctx context.Context, to page.Recipient) (channel string, failed *failure) {
	var opened struct {
		Channel struct {
			ID string `json:"id"`
		} `json:"channel"`
	}
	failed = p.call(ctx, to, "conversations.open", map[string]string{"users": to.Address}, &opened)
	return opened.Channel.ID, failed
}
