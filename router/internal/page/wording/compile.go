package wording

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"

	"nezuban/agent/tomlfile"
	"nezuban/oncall/schedule"
	"nezuban/router/internal/page"
)

// Config is [templates] as it is written.
type Config struct {
	Dir         string     `toml:"dir"` // folder of *.tmpl files
	Trigger     KindConfig `toml:"trigger"`
	Update      KindConfig `toml:"update"`
	Acknowledge KindConfig `toml:"acknowledge"`
	Resolve     KindConfig `toml:"resolve"`
}

// KindConfig is the templates of one kind of message; "" leaves the built-in words.
type KindConfig struct {
	Title      string `toml:"title"`
	ShortTitle string `toml:"short_title"` // instead of title for sms and call
	Text       string `toml:"text"`
}

// Kinds are the kinds of message that may have templates.
func Kinds() []page.Kind {
	return []page.Kind{page.KindTrigger, page.KindUpdate, page.KindAcknowledge, page.KindResolve}
}

// File is one file of the folder.
type File struct {
	Path string // as messages name it
	Name string // by which templates call it: trigger.tmpl
	Text string
}

// Compile parses the templates and runs each against samples of all messages that it may be used for. in is the file that c
// came from, for the lines of problems. With any problem there is no set.
func Compile(c Config, files []File, in *tomlfile.File) (*Set, tomlfile.Problems) {
	k := compiler{in: in, files: files, root: template.New("").Funcs(functions()).Option("missingkey=zero"), keys: map[string][]any{}}
	for _, f := range files {
		k.parse(f.Name, f.Text)
	}
	s := &Set{kinds: map[page.Kind]parts{}}
	for _, kind := range []struct {
		kind page.Kind
		of   KindConfig
	}{
		{page.KindTrigger, c.Trigger},
		{page.KindUpdate, c.Update},
		{page.KindAcknowledge, c.Acknowledge},
		{page.KindResolve, c.Resolve},
	} {
		s.kinds[kind.kind] = parts{
			title:      k.inline(kind.of.Title, kind.kind, "title"),
			shortTitle: k.inline(kind.of.ShortTitle, kind.kind, "short_title"),
			text:       k.inline(kind.of.Text, kind.kind, "text"),
		}
	}
	if len(k.problems) == 0 {
		k.count()
	}
	if len(k.problems) == 0 {
		k.try(s)
	}
	if len(k.problems) > 0 {
		return nil, k.problems
	}
	return s, nil
}

type compiler struct {
	in       *tomlfile.File
	files    []File
	root     *template.Template
	keys     map[string][]any // of the inline templates, by their names
	problems tomlfile.Problems
}

func (k *compiler) parse(name, text string) *template.Template {
	t, err := k.root.New(name).Parse(text)
	if err != nil {
		k.refuse(err)
		return nil
	}
	return t
}

// inline parses a template that stands in the configuration; nil when there is none.
func (k *compiler) inline(text string, kind page.Kind, part string) *template.Template {
	if text == "" {
		return nil
	}
	name := fmt.Sprintf("templates.%s.%s", kind, part)
	k.keys[name] = []any{"templates", string(kind), part}
	return k.parse(name, text)
}

// place is how text/template begins its errors: the template, the line, perhaps the column, and what is wrong.
var place = regexp.MustCompile(`(?s)^template: ([^:]*):(?:(\d+):)?(?:\d+:)? (.*)$`)

// refuse notes an error of a template once, where its writer can find it.
func (k *compiler) refuse(err error) {
	name, line, what := "", 0, err.Error()
	if found := place.FindStringSubmatch(what); found != nil {
		name, what = found[1], found[3]
		line, _ = strconv.Atoi(found[2])
	}
	what = page.Line(what, textMax)
	right := "a Go template that words every message of its kind"
	if no := noField.FindStringSubmatch(what); no != nil {
		what, right = "."+no[1], fieldsOf(no[2])
	}
	var problem tomlfile.Problem
	if key, inline := k.keys[name]; inline {
		if line > 1 {
			what = fmt.Sprintf("line %d: %s", line, what)
		}
		problem = k.in.Problem(mistake(what), right, key...)
	} else {
		problem = tomlfile.Problem{File: k.path(name), Line: line, Found: what, Expected: right}
	}
	if !slices.Contains(k.problems, problem) {
		k.problems = append(k.problems, problem)
	}
}

// mistake is a text that is shown without quotes.
type mistake string

func (k *compiler) path(name string) string {
	for _, f := range k.files {
		if f.Name == name {
			return f.Path
		}
	}
	return "templates"
}

// noField is how text/template says that a template names something of which there is nothing.
var noField = regexp.MustCompile(`can't evaluate field (\S+) in type wording\.(View|Change)$`)

// fieldsOf lists what a template may name.
func fieldsOf(what string) string {
	of := reflect.TypeFor[View]()
	if what == "Change" {
		of = reflect.TypeFor[Change]()
	}
	var names []string
	for field := range of.Fields() {
		names = append(names, "."+field.Name)
	}
	slices.Sort(names)
	return "one of " + strings.Join(names, ", ")
}

// count makes each template count its steps, and refuses calls of templates that are not there.
func (k *compiler) count() {
	for _, t := range k.root.Templates() {
		if t.Tree == nil || t.Root == nil {
			continue
		}
		c := counter{known: func(name string) bool { return k.root.Lookup(name) != nil }}
		c.name = t.ParseName
		c.list(t.Root, 1)
		for _, err := range c.unknown {
			k.refuse(fmt.Errorf("template: %s:%w", t.ParseName, err))
		}
	}
}

// counter goes through the tree of one template.
type counter struct {
	name    string // of what it was parsed from
	known   func(name string) bool
	unknown []error
}

// list counts the nodes of a list that is executed as one, and has it say so before it begins: a template's own, and the
// body of a loop. Without that nothing would end a loop over a number, or a template that calls itself.
func (c *counter) list(l *parse.ListNode, line int) {
	text := strings.Repeat("\n", line-1) + fmt.Sprintf("{{%s %d}}", stepFunc, c.nodes(l)) // where errors shall say it is
	step := template.Must(template.New(c.name).Funcs(functions()).Parse(text))
	l.Nodes = slices.Insert(l.Nodes, 0, step.Root.Nodes[len(step.Root.Nodes)-1])
}

// nodes is how many nodes one execution of a list visits at most, loops not counted.
func (c *counter) nodes(l *parse.ListNode) int {
	if l == nil {
		return 0
	}
	n := 1
	for _, node := range l.Nodes {
		n++
		switch node := node.(type) {
		case *parse.RangeNode:
			c.list(node.List, node.Line)
			n += c.nodes(node.ElseList)
		case *parse.IfNode:
			n += c.nodes(node.List) + c.nodes(node.ElseList)
		case *parse.WithNode:
			n += c.nodes(node.List) + c.nodes(node.ElseList)
		case *parse.TemplateNode:
			if !c.known(node.Name) {
				c.unknown = append(c.unknown, fmt.Errorf("%d: %w %q", node.Line, errUnknownTemplate, node.Name))
			}
		}
	}
	return n
}

var errUnknownTemplate = errors.New("there is no template")

// try words every sample in every way in which it may be sent.
func (k *compiler) try(s *Set) {
	for _, kind := range Kinds() {
		k.tryKind(s, kind)
	}
}

func (k *compiler) tryKind(s *Set, kind page.Kind) {
	for _, channel := range schedule.Channels() {
		for _, sample := range Samples() {
			m, f := sample.Message(kind)
			_, err := s.Apply(m, ViewOf(m, f, channel))
			if err != nil {
				k.refuse(err)
			}
			if errors.Is(err, errLong) {
				return // it would take as long each time
			}
		}
	}
}
