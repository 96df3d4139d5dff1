package daemon

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// newLogger writes text lines to w from the named level on.
func newLogger(w io.Writer, level string) (*slog.Logger, error) {
	var min slog.Level
	if level != "" {
		if err := min.UnmarshalText([]byte(level)); err != nil {
			return nil, fmt.Errorf("log level: found %q, expected debug, info, warn or error", level)
		}
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: min, ReplaceAttr: redact})), nil
}

// redact is the last guard of secrets: an attribute that is named like one is
// not printed, whoever logs it.
func redact(_ []string, a slog.Attr) slog.Attr {
	key := strings.ToLower(a.Key)
	for _, secret := range []string{"token", "secret", "password", "authorization", "dsn", "cookie"} {
		if strings.Contains(key, secret) {
			return slog.String(a.Key, "[redacted]")
		}
	}
	return a
}
