package command

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"nezuban/oncall/internal/escape"
)

// writeColumns writes rows as columns for people, without blanks at the ends of lines. Each line begins with indent.
func writeColumns(out io.Writer, indent string, rows [][]string) error {
	var text bytes.Buffer
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, 0, len(row))
		for _, cell := range row {
			cells = append(cells, escape.Plain(cell))
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(out, indent+strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// writeTableMarkdown writes rows as a table of Markdown; the first is its head. Numbers says in which columns figures
// stand. Cells are escaped.
func writeTableMarkdown(out io.Writer, numbers []bool, rows [][]string) error {
	var text strings.Builder
	for i, row := range rows {
		text.WriteString("|")
		for _, cell := range row {
			fmt.Fprintf(&text, " %s |", escape.Markdown(cell))
		}
		text.WriteString("\n")
		if i == 0 {
			text.WriteString(rule(numbers))
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// rule is the line below the head, which sets figures to the right.
func rule(numbers []bool) string {
	var text strings.Builder
	text.WriteString("|")
	for _, number := range numbers {
		if number {
			text.WriteString("---:|")
			continue
		}
		text.WriteString("---|")
	}
	text.WriteString("\n")
	return text.String()
}
