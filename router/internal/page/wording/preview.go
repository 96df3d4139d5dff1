package wording

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"nezuban/agent/tomlfile"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/call"
	"nezuban/router/internal/page/sms"
)

// OfFile compiles one more file as the text of all messages of a kind. It may call the templates of the files beside it.
func OfFile(kind page.Kind, f File, beside []File) (*Set, error) {
	var c Config
	of := KindConfig{Text: fmt.Sprintf("{{template %q .}}", f.Name)}
	switch kind {
	case page.KindTrigger:
		c.Trigger = of
	case page.KindUpdate:
		c.Update = of
	case page.KindAcknowledge:
		c.Acknowledge = of
	case page.KindResolve:
		c.Resolve = of
	default:
		return nil, fmt.Errorf("kind of message: found %s, expected one of %s", kind.Word(), Kinds())
	}
	files := []File{f}
	for _, other := range beside {
		if other.Name != f.Name {
			files = append(files, other)
		}
	}
	in, err := tomlfile.Decode(f.Path, nil, new(Config)) // what is said of none of its lines is said of the file
	if err != nil {
		return nil, err
	}
	set, problems := Compile(c, files, in)
	return set, problems.Err()
}

// Preview writes what a message would say by a channel, as the channel shows it, in the words of the sets, a later one before
// an earlier one. When a template fails it writes the built-in words, which would be sent, and returns why.
func Preview(w io.Writer, heading, channel string, m page.Message, f page.Facts, sets ...*Set) error {
	v := ViewOf(m, f, channel)
	worded := m
	var failed error
	for _, set := range sets {
		next, err := set.Apply(worded, v)
		if err != nil {
			worded, failed = m, fmt.Errorf("%s by %s: the built-in words would be sent: %w", heading, channel, err)
			break
		}
		worded = next
	}
	_, err := fmt.Fprintf(w, "--- %s, %s by %s\ntitle: %s\n%s\n\n", heading, m.Kind, channel, worded.Title, body(channel, worded))
	return errors.Join(failed, err)
}

// body is what follows the title: the text; or all of a message of a channel that shows no text, cut as it is sent.
func body(channel string, m page.Message) string {
	switch {
	case channel == schedule.ChannelSMS:
		m.PageID = cmp.Or(m.PageID, m.IncidentID+"-0") // only one that is sent has one
		return "message:\n" + indent(sms.Body(m))
	case channel == schedule.ChannelCall && m.Kind == page.KindTrigger:
		return "said:\n" + indent(call.Words(m))
	case channel == schedule.ChannelCall:
		return "nobody is called: calls are for triggers alone"
	}
	return "text:\n" + indent(m.Text)
}

func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
