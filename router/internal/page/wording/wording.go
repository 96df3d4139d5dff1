// Package wording lets an operator write the words of messages: Go templates for each kind of message, checked before the
// router starts, and bounded in what they may cost.
//
// The router's app compiles the templates of its configuration, and has each message worded before it is handed to its
// channel. A template that fails costs nobody a page: the caller keeps the built-in words. The package reads no file and
// no clock, and escapes nothing: what comes out is plain text like the built-in words, and the channel escapes it.
package wording

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"text/template"

	"nezuban/oncall/schedule"
	"nezuban/router/internal/page"
)

// Set is templates that have been checked. It is immutable and safe for concurrent use; a nil one has no template, and
// leaves all words as they are.
type Set struct {
	kinds map[page.Kind]parts
}

// parts are the templates of one kind of message; nil where the built-in words stay.
type parts struct{ title, shortTitle, text *template.Template }

// Bounds of one template at work.
const (
	outputMax = 16 << 10 // bytes; messages are cut far below
	stepsMax  = 20_000   // nodes that are executed, of which a machine does a million in a second
	valueMax  = 16 << 10 // bytes of a text that a template's function makes
)

// short says that a channel shows little more than the title.
func short(channel string) bool {
	return channel == schedule.ChannelSMS || channel == schedule.ChannelCall
}

// Apply words a message anew, as far as there are templates for it. v is the view of this very message. With an error the
// message is as it was, and can be sent as it is.
func (s *Set) Apply(m page.Message, v View) (page.Message, error) {
	if s == nil {
		return m, nil
	}
	p := s.kinds[m.Kind]
	title := p.title
	if short(v.Channel) && p.shortTitle != nil {
		title = p.shortTitle
	}
	worded := m
	var err error
	if title != nil {
		if worded.Title, err = one(title, v, func(said string) string { return page.Line(said, page.TitleMax) }); err != nil {
			return m, err
		}
	}
	if p.text != nil {
		if worded.Text, err = one(p.text, v, func(said string) string { return page.Lines(said, page.TextMax) }); err != nil {
			return m, err
		}
	}
	return worded, nil
}

var (
	errEmpty = errors.New("it says nothing")
	errLong  = fmt.Errorf("it takes more than %d steps", stepsMax)
)

// one executes a template within its bounds. What it says is made plain; nothing at all is an error.
func one(t *template.Template, v View, plain func(string) string) (said string, err error) {
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("template: %s: panic: %v", t.Name(), broken)
		}
	}()
	if t, err = t.Clone(); err != nil {
		return "", err
	}
	out := &limited{}
	if err := t.Funcs(new(budget).funcs()).Execute(out, v); err != nil {
		if _, placed := errors.AsType[template.ExecError](err); !placed {
			err = fmt.Errorf("template: %s: %w", t.Name(), err)
		}
		return "", err
	}
	if said = plain(out.String()); said == "" {
		return "", fmt.Errorf("template: %s: %w", t.Name(), errEmpty)
	}
	return said, nil
}

// limited is text that may not become too long.
type limited struct{ strings.Builder }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > outputMax {
		return 0, fmt.Errorf("it says more than %d bytes", outputMax)
	}
	return l.Builder.Write(p)
}

// budget bounds one execution. A template cannot be stopped from outside, so that it counts its own steps: see [counted].
type budget struct{ steps int }

const stepFunc = "_step"

func (b *budget) funcs() template.FuncMap {
	return template.FuncMap{stepFunc: func(nodes int) (string, error) {
		if b.steps += max(nodes, 1); b.steps > stepsMax {
			return "", errLong
		}
		return "", nil
	}}
}

// functions are what a template may call: those of text/template, where they make texts bounded in length.
func functions() template.FuncMap {
	bounded := func(make func(...any) string) func(...any) (string, error) {
		return func(args ...any) (string, error) { return atMost(make(args...)) }
	}
	return template.FuncMap{
		stepFunc:   func(int) (string, error) { return "", nil },
		"print":    bounded(fmt.Sprint),
		"println":  bounded(fmt.Sprintln),
		"printf":   func(format string, args ...any) (string, error) { return atMost(fmt.Sprintf(format, args...)) },
		"html":     bounded(template.HTMLEscaper),
		"js":       bounded(template.JSEscaper),
		"urlquery": bounded(template.URLQueryEscaper),
		"default":  func(standard, text string) string { return cmp.Or(text, standard) },
	}
}

func atMost(text string) (string, error) {
	if len(text) > valueMax {
		return "", fmt.Errorf("it makes a text of more than %d bytes", valueMax)
	}
	return text, nil
}
