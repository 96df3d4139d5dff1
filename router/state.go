package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"nezuban/router/internal/access"
	"nezuban/router/internal/app"
	"nezuban/router/internal/state"
)

// state is the command `state backup|restore|dump`.
func (c *command) state(args []string) error {
	verb := ""
	if len(args) > 0 {
		verb = args[0]
	}
	if asksHelp(verb) {
		fmt.Fprint(c.stdout, usageOf(c.name))
		return flag.ErrHelp
	}
	switch c.name += " " + verb; verb {
	case "backup":
		return c.backup(args[1:])
	case "restore":
		return c.restore(args[1:])
	case "dump":
		return c.dump(args[1:])
	}
	c.name = "state"
	return c.misused("found %q, expected backup, restore or dump", verb)
}

func (c *command) backup(args []string) error {
	set := c.asking()
	force := set.Bool("force", false, "replace a file that exists")
	found, err := c.parse(set, args, "FILE")
	if err != nil {
		return err
	}
	there, err := os.Lstat(found[0])
	switch {
	case err == nil && there.IsDir():
		return fmt.Errorf("write the backup: found a folder %s, expected the name of a file", found[0])
	case err == nil && !*force:
		return fmt.Errorf("write the backup: found a file %s, which -force replaces", found[0])
	}
	data, err := c.readState()
	if err != nil {
		return err
	}
	b, err := state.ReadBackup(bytes.NewReader(data)) // one that could not be restored is worth nothing
	if err != nil {
		return err
	}
	if err := state.WriteFile(found[0], data, 0o600); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	fmt.Fprintf(c.stdout, "%s: %d records as of %s\n", found[0], len(b.Records), b.Header.Taken.Format("2006-01-02 15:04:05 MST"))
	return nil
}

func (c *command) dump(args []string) error {
	if _, err := c.parse(c.asking(), args); err != nil {
		return err
	}
	data, err := c.readState()
	if err != nil {
		return err
	}
	b, err := state.ReadBackup(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return b.WriteLines(c.stdout)
}

// readState takes a backup: by asking a running router when one is named, or has the state folder; else from the folder, or
// the cluster, itself.
func (c *command) readState() ([]byte, error) {
	ctx := context.Background()
	if c.url == "" {
		cfg, err := app.Load(c.config, os.LookupEnv)
		if err != nil {
			return c.backupOfRunning(ctx, err)
		}
		data, err := app.Backup(ctx, cfg)
		if !errors.Is(err, app.ErrRunning) {
			return data, err
		}
	}
	return c.askBackup(ctx)
}

// backupOfRunning takes a backup although the configuration has mistakes, if a router runs that has read a better one.
func (c *command) backupOfRunning(ctx context.Context, mistakes error) ([]byte, error) {
	data, err := c.askBackup(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w\nand no running router gives a backup: %w", mistakes, err)
	}
	return data, nil
}

func (c *command) askBackup(ctx context.Context) ([]byte, error) {
	router, err := c.client(access.Act)
	if err != nil {
		return nil, err
	}
	return router.Backup(ctx)
}

func (c *command) restore(args []string) error {
	found, err := c.parse(c.flags(), args, "FILE")
	if err != nil {
		return err
	}
	f, err := os.Open(found[0])
	if err != nil {
		return fmt.Errorf("read the backup: %w", err)
	}
	defer f.Close()
	b, err := state.ReadBackup(f)
	if err != nil {
		return fmt.Errorf("%s: %w", found[0], err)
	}
	cfg, err := app.Load(c.config, os.LookupEnv)
	if err != nil {
		return err
	}
	report, err := app.Restore(context.Background(), cfg, b)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "restored %d records of %s; %d messages are held\n", len(b.Records), b.Header.Taken.Format("2006-01-02 15:04:05 MST"), report.Held)
	fmt.Fprintln(c.stdout, "copy tokens/ and closed/ of the old state folder beside it: with other tokens every sender is refused")
	return nil
}
