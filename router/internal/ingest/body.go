package ingest

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// errTooLarge says that a body, as sent or decompressed, is over its limit.
var errTooLarge = errors.New("request body too large")

// encodingError is a Content-Encoding that is not read here.
type encodingError string

func (e encodingError) Error() string {
	return fmt.Sprintf("content encoding %.40q: expected gzip, deflate or none", string(e))
}

// openBody is the request's body, decompressed as it streams in. Reading past a limit fails with errTooLarge, so that a
// bomb costs no more than the limit.
func openBody(w http.ResponseWriter, r *http.Request, limits Limits) (io.Reader, error) {
	if r.ContentLength > limits.Compressed {
		return nil, errTooLarge
	}
	var body io.Reader = &sentBody{http.MaxBytesReader(w, r.Body, limits.Compressed)}
	var err error
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		body, err = gzip.NewReader(body)
	case "deflate":
		body, err = zlib.NewReader(body)
	default:
		return nil, encodingError(encoding)
	}
	if err != nil {
		return nil, fmt.Errorf("decompress request body: %w", err)
	}
	return &capped{r: body, left: limits.Plain}, nil
}

// readBody is the whole of [openBody].
func readBody(w http.ResponseWriter, r *http.Request, limits Limits) ([]byte, error) {
	body, err := openBody(w, r, limits)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("read request body: %w", err)
	}
	return data, nil
}

// sentBody words net/http's limit as ours.
type sentBody struct{ r io.Reader }

func (s *sentBody) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		err = errTooLarge
	}
	return n, err
}

// capped fails once more than left bytes have been read.
type capped struct {
	r    io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.r.Read(p)
	if int64(n) > c.left {
		n, err = int(c.left), errTooLarge
	}
	c.left -= int64(n)
	return n, err
}

// bodyStatus is the HTTP status for an error of openBody or of reading its result.
func bodyStatus(err error) int {
	if errors.Is(err, errTooLarge) {
		return http.StatusRequestEntityTooLarge
	}
	if _, unread := errors.AsType[encodingError](err); unread {
		return http.StatusUnsupportedMediaType
	}
	return http.StatusBadRequest
}
