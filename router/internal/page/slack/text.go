package slack

import (
	"strings"
	"unicode/utf16"

	"nezuban/router/internal/page"
)

// How long the parts of a message may get, in UTF-16 units, after escaping. Slack takes 150 in a header, 3000 in a section
// and recommends 4000 for the text.
const (
	headerMax  = 150
	sectionMax = 3000
	textMax    = 1500
	nameMax    = 100 // characters of a rule or of a page's id
)

// outgoing is the body of chat.postMessage.
type outgoing struct {
	Channel        string  `json:"channel"`
	ThreadTS       string  `json:"thread_ts,omitempty"`
	ReplyBroadcast bool    `json:"reply_broadcast,omitempty"`
	Text           string  `json:"text"` // for notifications, and for the look-up
	Blocks         []block `json:"blocks"`
	Mrkdwn         bool    `json:"mrkdwn"` // of Text
	Parse          string  `json:"parse"`
	LinkNames      bool    `json:"link_names"`
	UnfurlLinks    bool    `json:"unfurl_links"`
	UnfurlMedia    bool    `json:"unfurl_media"`
}

// block is a section or a header, which have a text, or a context, which has elements.
type block struct {
	Type     string  `json:"type"`
	Text     *words  `json:"text,omitempty"`
	Elements []words `json:"elements,omitempty"`
}

// words is a text object. Of the two kinds only "mrkdwn" is formatted; "plain_text" is shown as it is.
type words struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Emoji    *bool  `json:"emoji,omitempty"`    // of plain_text: whether ":fire:" becomes one
	Verbatim bool   `json:"verbatim,omitempty"` // of mrkdwn: names and URLs do not become links on their own
}

// compose writes a message. All that a sender chose is plain text; the link to the incident is the only markup.
func compose(m page.Message) outgoing {
	head := m.Kind.Word()
	if rule := page.Line(m.Rule, nameMax); rule != "" {
		head += " " + rule
	}
	tail := mark(m.PageID)
	if m.Repeat {
		tail = "(repeat) " + tail
	}
	what := page.Line(m.Title, page.TitleMax)
	if where := page.Where(m.Labels); where != "" {
		what += ", " + where
	}
	text := page.Lines(m.Text, page.TextMax)
	if text == "" {
		text = what
	}
	blocks := []block{
		{Type: "header", Text: plain(escape(head, headerMax))},
		{Type: "section", Text: plain(escape(text, sectionMax))},
	}
	if to := strings.TrimSpace(link(m) + " " + anchor(m.Runbook, "Open the runbook")); to != "" {
		blocks = append(blocks, block{Type: "section", Text: &words{Type: "mrkdwn", Text: to, Verbatim: true}})
	}
	if to := anchor(m.Source, "Open the source"); to != "" { // in a section of its own: three long addresses are too much for one
		blocks = append(blocks, block{Type: "section", Text: &words{Type: "mrkdwn", Text: to, Verbatim: true}})
	}
	blocks = append(blocks, block{Type: "context", Elements: []words{*plain(escape(tail, sectionMax))}})
	return outgoing{Text: escape(head+": "+what, textMax) + " " + escape(tail, textMax), Blocks: blocks, Parse: "none"}
}

func plain(escaped string) *words { return &words{Type: "plain_text", Text: escaped, Emoji: new(bool)} }

// link leads to the incident, where a button acknowledges; "" when there is no address.
func link(m page.Message) string {
	said := "Open the incident"
	if m.Kind == page.KindTrigger {
		said = "Open the incident to acknowledge it"
	}
	return anchor(m.Link(), said)
}

// anchor is a link to an address; "" when there is none, or one that is too long.
func anchor(to, said string) string {
	address := strings.NewReplacer("&", "&amp;", "<", "%3C", ">", "%3E", "|", "%7C", " ", "%20").Replace(to)
	if address == "" || len(address) > sectionMax/2 {
		return ""
	}
	return "<" + address + "|" + said + ">"
}

// mark is how a message carries its page id: one word of its own.
func mark(pageID string) string { return "#" + page.Line(pageID, nameMax) }

// escape takes the meaning from the three characters that have one in every text that Slack is sent: mentions such as
// <!channel> and <@U…>, and links, begin with one of them. The result has at most limit UTF-16 units; what is cut off
// becomes "…".
func escape(text string, limit int) string {
	var b strings.Builder
	left, fits := limit, 0 // fits: how much of b leaves room for the sign of cutting
	for _, r := range text {
		escaped := string(r)
		switch r {
		case '&':
			escaped = "&amp;"
		case '<':
			escaped = "&lt;"
		case '>':
			escaped = "&gt;"
		}
		if left -= len(utf16.Encode([]rune(escaped))); left < 0 {
			return strings.TrimRight(b.String()[:fits], " ") + "…"
		}
		b.WriteString(escaped)
		if left > 0 {
			fits = b.Len()
		}
	}
	return b.String()
}
