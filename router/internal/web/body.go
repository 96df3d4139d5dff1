package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"nezuban/agent/tomlfile"
)

// apiBody reads a small JSON object into a struct, and answers when the body is none. A field that nobody knows is a
// mistake: what it should have said would be left out without a word.
func (s *site) apiBody(w http.ResponseWriter, r *http.Request, into any) bool {
	err := readObject(http.MaxBytesReader(w, r.Body, maxForm), into)
	if err == nil {
		return true
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		reply(w, http.StatusRequestEntityTooLarge, apiError{"too large", fmt.Sprintf("the body has more than %d bytes", tooLarge.Limit)})
		return false
	}
	reply(w, http.StatusBadRequest, apiError{"invalid", clip(err.Error())})
	return false
}

func readObject(body io.Reader, into any) error {
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(into)
	names := fields(into)
	object := "expected a JSON object with " + strings.Join(names, ", ")
	if err == nil {
		rest := bytes.TrimSpace(text[decoder.InputOffset():])
		if len(rest) > 0 {
			return fmt.Errorf("the body: found %.20q behind the JSON object, expected nothing", rest)
		}
		return noNull(text, object)
	}
	if wrong, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("the body: %s at byte %d, %s", wrong.Error(), wrong.Offset, object)
	}
	if of, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if of.Field == "" {
			return fmt.Errorf("the body: found a JSON %s, %s", of.Value, object)
		}
		name, below, _ := strings.Cut(of.Field, ".")
		return fmt.Errorf("%s: found a JSON %s, expected %s", strings.Trim(strings.ToLower(name)+"."+below, "."), of.Value, expected(of.Type))
	}
	if name, unknown := strings.CutPrefix(err.Error(), `json: unknown field `); unknown {
		name = strings.Trim(name, `"`)
		return fmt.Errorf("found the field %.100q, expected only %s%s", name, strings.Join(names, ", "), tomlfile.DidYouMean(name, names))
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the body: found nothing, %s", object)
	}
	return fmt.Errorf("the body: found an end in the middle, %s", object)
}

// noNull refuses a null in the place of the object, and of a text in a list or an object in it: the decoder takes it for an empty
// one. In the place of a field it says that there is none.
func noNull(text []byte, object string) error {
	var parts map[string]any
	if err := json.Unmarshal(text, &parts); err != nil {
		return fmt.Errorf("the body: %w, %s", err, object)
	}
	if parts == nil {
		return fmt.Errorf("the body: found a JSON null, %s", object)
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		below := ""
		switch part := parts[name].(type) {
		case []any:
			if !slices.Contains(part, nil) {
				continue
			}
		case map[string]any:
			at := slices.Sorted(maps.Keys(part))
			at = slices.DeleteFunc(at, func(key string) bool { return part[key] != nil })
			if len(at) == 0 {
				continue
			}
			below = "." + at[0]
		default:
			continue
		}
		return fmt.Errorf("%s: found a JSON null, expected a text", strings.ToLower(name)+below)
	}
	return nil
}

// expected names a type of a body's field.
func expected(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice:
		return "a list of texts"
	case reflect.Map:
		return "an object of texts"
	default:
		return "a text"
	}
}

// fields are the names of a struct's fields, as a body has them.
func fields(of any) []string {
	var names []string
	for field := range reflect.TypeOf(of).Elem().Fields() {
		names = append(names, strings.ToLower(field.Name))
	}
	return names
}
