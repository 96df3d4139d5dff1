package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	textdiff "github.com/rogpeppe/go-internal/diff"

	"nezuban/oncall/internal/edit"
	"nezuban/oncall/internal/escape"
	"nezuban/oncall/internal/lint"
	"nezuban/oncall/internal/report"
	"nezuban/oncall/schedule"
)

// editing is one of the commands that change the file.
type editing struct {
	flags  *flag.FlagSet
	wanted []string // the words of the command line, the file first
	needed []string // flags that must be given
	change func(words []string, data []byte, now time.Time) ([]byte, error)
}

// editings are those commands, each with its own flags.
func editings() map[string]func() editing {
	return map[string]func() editing{
		"cover": coverCommand, "add": addCommand, "off": offCommand, "swap": swapCommand,
		"join": joinCommand, "leave": leaveCommand,
	}
}

// spanFlagsOf are the flags that say when a change holds.
func spanFlagsOf(flags *flag.FlagSet) *edit.Span {
	var s edit.Span
	flags.StringVar(&s.From, "from", "", "")
	flags.StringVar(&s.To, "to", "", "")
	flags.StringVar(&s.Zone, "zone", "", "")
	return &s
}

func coverCommand() editing {
	flags := flag.NewFlagSet("cover", flag.ContinueOnError)
	on, by, person, span := flags.String("on", "", ""), flags.String("by", "", ""), flags.String("for", "", ""), spanFlagsOf(flags)
	return editing{flags, []string{"rotation file"}, []string{"on", "by", "for", "from", "to"}, func(words []string, data []byte, now time.Time) ([]byte, error) {
		return edit.Cover(words[0], data, now, *on, *by, *person, *span)
	}}
}

func addCommand() editing {
	flags := flag.NewFlagSet("add", flag.ContinueOnError)
	on, who, span := flags.String("on", "", ""), flags.String("who", "", ""), spanFlagsOf(flags)
	return editing{flags, []string{"rotation file"}, []string{"on", "who", "from", "to"}, func(words []string, data []byte, now time.Time) ([]byte, error) {
		return edit.Add(words[0], data, now, *on, *who, *span)
	}}
}

func offCommand() editing {
	flags := flag.NewFlagSet("off", flag.ContinueOnError)
	span := spanFlagsOf(flags)
	return editing{flags, []string{"rotation file", "person"}, []string{"from", "to"}, func(words []string, data []byte, now time.Time) ([]byte, error) {
		return edit.Off(words[0], data, now, words[1], *span)
	}}
}

func swapCommand() editing {
	flags := flag.NewFlagSet("swap", flag.ContinueOnError)
	on, layer := flags.String("on", "", ""), flags.String("layer", "", "")
	return editing{flags, []string{"rotation file", "first turn", "second turn"}, []string{"on"}, func(words []string, data []byte, now time.Time) ([]byte, error) {
		return edit.Swap(words[0], data, now, *on, *layer, [2]string{words[1], words[2]})
	}}
}

func joinCommand() editing {
	flags := flag.NewFlagSet("join", flag.ContinueOnError)
	var j edit.Joining
	flags.StringVar(&j.Schedule, "on", "", "")
	flags.StringVar(&j.Layer, "layer", "", "")
	flags.StringVar(&j.After, "after", "", "")
	flags.StringVar(&j.Zone, "person-zone", "", "")
	flags.Func("page", "", func(channel string) error { j.Page = append(j.Page, channel); return nil })
	at := flags.String("at", "", "")
	return editing{flags, []string{"rotation file", "person"}, []string{"on"}, func(words []string, data []byte, now time.Time) (out []byte, err error) {
		if j.At, err = when(*at, words[0], data); err != nil {
			return nil, err
		}
		j.Person = words[1]
		return edit.Join(words[0], data, now, j)
	}}
}

func leaveCommand() editing {
	flags := flag.NewFlagSet("leave", flag.ContinueOnError)
	var l edit.Leaving
	flags.StringVar(&l.Schedule, "on", "", "")
	flags.StringVar(&l.Layer, "layer", "", "")
	at := flags.String("at", "", "")
	return editing{flags, []string{"rotation file", "person"}, nil, func(words []string, data []byte, now time.Time) (out []byte, err error) {
		if l.At, err = when(*at, words[0], data); err != nil {
			return nil, err
		}
		l.Person = words[1]
		return edit.Leave(words[0], data, now, l)
	}}
}

// when reads --at of join and leave, in the file's zone; zero without it.
func when(text, path string, data []byte) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	f, err := schedule.Parse(path, data)
	if err != nil {
		return time.Time{}, err
	}
	return moment(text, World{}, f.Zone())
}

// change runs one of the commands that change the file: it shows what would be written, and then writes it.
func change(e editing, args []string, w World) int {
	name := e.flags.Name()
	dry := e.flags.Bool("dry-run", false, "")
	words, err := words(e.flags, args, w, e.wanted...)
	if err != nil {
		return exitRefused
	}
	for _, flag := range e.needed {
		if e.flags.Lookup(flag).Value.String() == "" {
			return refuse(w, name, fmt.Errorf("--%s is missing", flag))
		}
	}
	path := words[0]
	data, err := read(path)
	if err != nil {
		fmt.Fprintln(w.Err, err)
		return exitRefused
	}
	before, err := schedule.Parse(path, data)
	if err != nil {
		fmt.Fprintln(w.Err, err)
		return exitRefused
	}
	out, err := e.change(words, data, w.Now)
	if err != nil {
		return refuse(w, name, err)
	}
	after, err := schedule.Parse(path, out)
	if err != nil {
		return refuse(w, name, err)
	}
	if err := w.showEdit(path, data, out, before, after); err != nil {
		return refuse(w, name, err)
	}
	if past := report.Moves(before, after, report.Schedules(before, after), w.Now.AddDate(-1, 0, 0), w.Now); len(past) > 0 {
		if _, err := fmt.Fprintf(w.Out, "\nThis alters who was on call before now, from %s on.\n", past[0].From.In(after.Zone()).Format(minute)); err != nil {
			return refuse(w, name, err)
		}
	}
	if err := w.showNews(path, before, after); err != nil {
		return refuse(w, name, err)
	}
	if *dry {
		fmt.Fprintf(w.Out, "\n%s is not written: --dry-run\n", path)
		return exitOK
	}
	if err := replaceFile(path, data, out); err != nil {
		return refuse(w, name, err)
	}
	_, err = fmt.Fprintf(w.Out, "\n%s is written\n", path)
	if err != nil {
		return refuse(w, name, err)
	}
	return exitOK
}

// showEdit shows which lines of the file change, and whose shifts move.
func (w World) showEdit(path string, old, data []byte, before, after *schedule.File) error {
	if _, err := w.Out.Write(printable(textdiff.Diff(path, old, path, data))); err != nil {
		return err
	}
	c, err := compare([2]*schedule.File{before, after}, "", spanFlags{}, w.Now, defaultHours*time.Hour)
	if err != nil {
		return err
	}
	c.old, c.new, c.colour = path, path, w.Colour
	fmt.Fprintln(w.Out)
	return writeDiff(w.Out, c)
}

// showNews shows what check would warn of and has not warned of before.
func (w World) showNews(path string, before, after *schedule.File) error {
	news := lint.News(lint.Run(before, w.Now, nil), lint.Run(after, w.Now, nil))
	if len(news) == 0 {
		return nil
	}
	var out strings.Builder
	out.WriteString("\nNew to check:\n")
	for _, f := range news {
		fmt.Fprintf(&out, "%s:%d: warning: %s\n", path, f.Line, escape.Plain(f.Text))
	}
	_, err := io.WriteString(w.Out, out.String())
	return err
}

// printable is a text of lines, each as [escape.Plain] has it.
func printable(text []byte) []byte {
	var out strings.Builder
	for line := range strings.SplitAfterSeq(string(text), "\n") {
		rest, ended := strings.CutSuffix(line, "\n")
		out.WriteString(escape.Plain(rest))
		if ended {
			out.WriteByte('\n')
		}
	}
	return []byte(out.String())
}

// errChanged is returned for a file that somebody else has changed meanwhile.
var errChanged = errors.New("the file was changed meanwhile: nothing is written, try again")
