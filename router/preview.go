package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"nezuban/oncall/schedule"
	"nezuban/router/internal/access"
	"nezuban/router/internal/app"
	"nezuban/router/internal/page"
	"nezuban/router/internal/page/wording"
)

// sampleIncident asks for the incidents that are made up.
const sampleIncident = "sample"

// preview shows what messages would say.
func (c *command) preview(args []string) error {
	set := c.asking()
	file := set.String("template", "", "`file` with the text of the messages, instead of what the configuration has")
	channel := set.String("channel", schedule.ChannelEmail, "`name` of the channel that they are for")
	kind := set.String("kind", string(page.KindTrigger), "trigger, update, acknowledge or resolve")
	id := set.String("incident", sampleIncident, "`id` of an incident of the running router, or sample for some that are made up")
	if _, err := c.parse(set, args); err != nil {
		return err
	}
	if !slices.Contains(schedule.Channels(), *channel) {
		fmt.Fprintf(c.stderr, "nezuban-router preview: -channel: found %q, expected one of %s\n", *channel, strings.Join(schedule.Channels(), ", "))
		return errUsage
	}
	if k := page.Kind(*kind); !slices.Contains(wording.Kinds(), k) {
		fmt.Fprintf(c.stderr, "nezuban-router preview: -kind: found %q, expected one of %s\n", *kind, kinds())
		return errUsage
	}
	cfg, err := app.Load(c.config, os.LookupEnv)
	if err != nil {
		return err
	}
	sets := []*wording.Set{cfg.Templates}
	if *file != "" {
		text, err := os.ReadFile(*file)
		if err != nil {
			return err
		}
		one, err := wording.OfFile(page.Kind(*kind), wording.File{Path: *file, Name: filepath.Base(*file), Text: string(text)}, cfg.TemplateFiles)
		if err != nil {
			return err
		}
		sets = append(sets, one)
	}
	if *id == sampleIncident {
		return c.previewSamples(page.Kind(*kind), *channel, sets)
	}
	router, err := c.client(access.Read)
	if err != nil {
		return err
	}
	whole, err := router.Find(context.Background(), *id)
	if err != nil {
		return err
	}
	inc, err := router.Incident(context.Background(), whole)
	if err != nil {
		return err
	}
	m, f := page.Draft(inc, page.Kind(*kind), fmt.Sprintf("step 1 of policy %s: on call", inc.Policy.Name), cfg.PublicURL+"/incidents/"+inc.ID)
	m.People = []page.Recipient{{Person: "alice"}}
	return wording.Preview(c.stdout, "incident "+inc.ID, *channel, m, f, sets...)
}

// kinds lists the kinds of message as they are typed.
func kinds() string {
	var names []string
	for _, kind := range wording.Kinds() {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}

func (c *command) previewSamples(kind page.Kind, channel string, sets []*wording.Set) error {
	var failed []error
	for _, sample := range wording.Samples() {
		m, f := sample.Message(kind)
		failed = append(failed, wording.Preview(c.stdout, "sample "+sample.Name, channel, m, f, sets...))
	}
	return errors.Join(failed...)
}
