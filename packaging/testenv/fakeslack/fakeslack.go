// Package fakeslack is a Slack workspace on a loopback port, for tests: the posting and reading of messages in its Web API,
// on the real wire, with its refusals and limits, and with what its clients would make of a message's text.
//
// What misbehaves on demand comes from package fakehttp (Fail, Limit, Hang, Swallow) and from Refuse.
package fakeslack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"nezuban/packaging/testenv/fakehttp"
)

// The workspace as New makes it.
const (
	Token    = "xoxb-token-KEEP-IT-SECRET" // the only one that is let in
	Alice    = "U0ALICE01"                 // a member
	AliceDM  = "D0ALICE01"                 // the conversation with her
	Channel  = "C0PAGES01"                 // a channel that the bot is in
	Archived = "C0ARCHIVE"                 // one that is archived
	botID    = "B0NEZUBAN"
)

// Server is one workspace.
type Server struct {
	*fakehttp.Server // URL, Requests, Fail, FailReads, Limit, Hang, Swallow, Garble

	mu       sync.Mutex
	messages []Message
	refusals map[string][]string // by method, in order
}

// Message is one message as it was posted.
type Message struct {
	Channel, TS, Thread string
	Broadcast           bool
	Bot                 bool
	Text                string   // as it was sent
	Shown               []string // the blocks as people see them
	Mentions            []string // whom the texts call: <!channel>, <@U…>
	Links               []string // where the texts lead
}

// New starts a workspace; it ends with the test.
func New(tb fakehttp.Test) *Server {
	tb.Helper()
	s := &Server{refusals: map[string][]string{}}
	s.Server = fakehttp.New(tb, s.serve, func(status int) any {
		switch {
		case status == http.StatusTooManyRequests:
			return refusal("ratelimited")
		case status >= http.StatusInternalServerError:
			return refusal("internal_error")
		}
		return http.StatusText(status) // not of Slack's making
	})
	return s
}

// Messages returns all messages, as posted.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// WaitFor returns the messages once there are n. When ctx ends before, it returns an error that says what there is.
func (s *Server) WaitFor(ctx context.Context, n int) ([]Message, error) {
	if err := s.Await(ctx, func() bool { return len(s.Messages()) >= n }); err != nil {
		return s.Messages(), fmt.Errorf("await %d messages in Slack: %w; there are %+v of %d requests", n, err, s.Messages(), len(s.Requests()))
	}
	return s.Messages(), nil
}

// Refuse answers the next calls of a method with these errors, in order.
func (s *Server) Refuse(method string, errors ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals[method] = append(s.refusals[method], errors...)
}

// Say lets a member write to a conversation.
func (s *Server) Say(channel, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(Message{Channel: channel, Text: text})
}

func refusal(name string) map[string]any {
	answer := map[string]any{"ok": false, "error": name}
	if name == "missing_scope" {
		answer["needed"], answer["provided"] = "im:history", "chat:write"
	}
	return answer
}

// serve answers one request as the real one would.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	method := strings.TrimPrefix(r.URL.Path, "/")
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	waiting := s.refusals[method]
	switch {
	case token != Token:
		fakehttp.WriteJSON(w, http.StatusOK, refusal("invalid_auth"))
	case len(waiting) > 0:
		s.refusals[method] = waiting[1:]
		fakehttp.WriteJSON(w, http.StatusOK, refusal(waiting[0]))
	case method == "chat.postMessage" && r.Method == http.MethodPost:
		s.post(w, r)
	case method == "conversations.open" && r.Method == http.MethodPost:
		s.open(w, r)
	case method == "conversations.history", method == "conversations.replies":
		s.list(w, r.URL.Query(), method)
	default:
		fakehttp.WriteJSON(w, http.StatusOK, refusal("unknown_method"))
	}
}

type words struct {
	Type  string `json:"type"`
	Text  string `json:"text"`
	Emoji *bool  `json:"emoji"`
}

type posting struct {
	Channel        string `json:"channel"`
	ThreadTS       string `json:"thread_ts"`
	ReplyBroadcast bool   `json:"reply_broadcast"`
	Text           string `json:"text"`
	Blocks         []struct {
		Type     string  `json:"type"`
		Text     *words  `json:"text"`
		Elements []words `json:"elements"`
	} `json:"blocks"`
	Mrkdwn      *bool  `json:"mrkdwn"`
	Parse       string `json:"parse"`
	LinkNames   bool   `json:"link_names"`
	UnfurlLinks *bool  `json:"unfurl_links"`
	UnfurlMedia *bool  `json:"unfurl_media"`
}

// post takes a message, or refuses it. The caller holds mu.
func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	var p posting
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		fakehttp.WriteJSON(w, http.StatusOK, refusal("invalid_json"))
		return
	}
	message := Message{Channel: p.Channel, Thread: p.ThreadTS, Broadcast: p.ReplyBroadcast, Bot: true, Text: p.Text}
	if p.Channel == Alice {
		message.Channel = AliceDM
	}
	problem := ""
	switch {
	case !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"):
		problem = "invalid_post_type"
	case p.Channel == Archived:
		problem = "is_archived"
	case message.Channel != AliceDM && message.Channel != Channel:
		problem = "channel_not_found"
	case p.Text == "":
		problem = "no_text"
	case len(p.Text) > 40000:
		problem = "msg_too_long"
	case p.ThreadTS != "" && !s.has(message.Channel, p.ThreadTS):
		problem = "thread_not_found"
	default:
		problem = message.read(p)
	}
	if problem != "" {
		fakehttp.WriteJSON(w, http.StatusOK, refusal(problem))
		return
	}
	made := s.add(message)
	fakehttp.WriteJSON(w, http.StatusOK, map[string]any{"ok": true, "channel": made.Channel, "ts": made.TS, "message": made.out()})
}

// has says that a message may be replied to. The caller holds mu.
func (s *Server) has(channel, ts string) bool {
	return slices.ContainsFunc(s.messages, func(m Message) bool { return m.Channel == channel && m.TS == ts && m.Thread == "" })
}

// add makes a message. The caller holds mu.
func (s *Server) add(m Message) Message {
	m.TS = fmt.Sprintf("1764201600.%06d", len(s.messages)+1)
	s.messages = append(s.messages, m)
	return m
}

// read takes the texts as Slack's clients do, and names what is wrong with them.
func (m *Message) read(p posting) (problem string) {
	most := map[string]int{"header": 150, "section": 3000, "context": 3000}
	m.take(p.Text)
	for _, b := range p.Blocks {
		limit, known := most[b.Type]
		texts := b.Elements
		if b.Text != nil {
			texts = append(texts, *b.Text)
		}
		if !known || len(texts) == 0 || len(p.Blocks) > 50 {
			return "invalid_blocks"
		}
		for _, t := range texts {
			switch {
			case len([]rune(t.Text)) > limit || t.Text == "":
				return "invalid_blocks"
			case t.Type == "mrkdwn" && t.Emoji == nil:
				m.take(t.Text)
			case t.Type != "plain_text" || t.Emoji == nil || *t.Emoji:
				return "invalid_blocks_format" // the real one would make emoji of ":fire:"
			}
			m.Shown = append(m.Shown, shown(t))
		}
	}
	if p.Mrkdwn == nil || *p.Mrkdwn || p.Parse != "none" || p.LinkNames || p.UnfurlLinks == nil || *p.UnfurlLinks || p.UnfurlMedia == nil || *p.UnfurlMedia {
		return "the_text_would_be_parsed_or_unfurled" // the real one would do it
	}
	return ""
}

// take notes whom a formatted text calls and where it leads: everything between < and > that is not escaped.
func (m *Message) take(text string) {
	for {
		_, rest, found := strings.Cut(text, "<")
		if !found {
			return
		}
		inside, after, _ := strings.Cut(rest, ">")
		if inside != "" && strings.ContainsRune("!@#", rune(inside[0])) {
			m.Mentions = append(m.Mentions, inside)
		} else {
			target, _, _ := strings.Cut(inside, "|")
			m.Links = append(m.Links, unescape(target))
		}
		text = after
	}
}

// shown is what people see of a text: in a formatted one links by their labels, and not the signs that format.
func shown(t words) string {
	text := t.Text
	if t.Type == "mrkdwn" {
		if inside, ok := strings.CutPrefix(text, "<"); ok {
			_, label, _ := strings.Cut(strings.TrimSuffix(inside, ">"), "|")
			text = label
		}
		text = strings.NewReplacer("*", "", "_", "", "~", "", "`", "").Replace(text)
	}
	return unescape(text)
}

func unescape(text string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text)
}

// open answers the conversation with a member. The caller holds mu.
func (s *Server) open(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Users string `json:"users"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || asked.Users != Alice {
		fakehttp.WriteJSON(w, http.StatusOK, refusal("user_not_found"))
		return
	}
	fakehttp.WriteJSON(w, http.StatusOK, map[string]any{"ok": true, "channel": map[string]any{"id": AliceDM}})
}

// list answers a conversation, newest first and without its threads, or one thread, oldest first. The caller holds mu.
func (s *Server) list(w http.ResponseWriter, query url.Values, method string) {
	found := []any{}
	channel, root := query.Get("channel"), query.Get("ts")
	if channel != AliceDM && channel != Channel {
		fakehttp.WriteJSON(w, http.StatusOK, refusal("channel_not_found"))
		return
	}
	for _, m := range s.messages {
		switch {
		case m.Channel != channel:
		case method == "conversations.replies" && (m.TS == root || m.Thread == root):
			found = append(found, m.out())
		case method == "conversations.history" && (m.Thread == "" || m.Broadcast):
			found = slices.Insert(found, 0, m.out())
		}
	}
	fakehttp.WriteJSON(w, http.StatusOK, map[string]any{"ok": true, "messages": found, "has_more": false})
}

func (m Message) out() any {
	out := map[string]any{"type": "message", "text": m.Text, "ts": m.TS, "user": Alice}
	if m.Bot {
		out["bot_id"], out["user"] = botID, "U0NEZUBAN"
	}
	if m.Thread != "" {
		out["thread_ts"] = m.Thread
	}
	return out
}
