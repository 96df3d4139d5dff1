package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
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

// errBody is a body that says nothing of what is expected.
var errBody = errors.New("the body is not the JSON object expected here")

func readObject(body io.Reader, into any) error {
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil {
		if _, err = decoder.Token(); err == nil {
			return errors.New("the body is not the JSON object expected here: something follows it")
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge
	}
	if of, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && of.Field != "" {
		name, below, _ := strings.Cut(of.Field, ".")
		return fmt.Errorf("%s: found a JSON %s, expected %s", strings.Trim(strings.ToLower(name)+"."+below, "."), of.Value, expected(of.Type))
	}
	if name, unknown := strings.CutPrefix(err.Error(), `json: unknown field `); unknown {
		name = strings.Trim(name, `"`)
		names := fields(into)
		return fmt.Errorf("found the field %.100q, expected only %s%s", name, strings.Join(names, ", "), tomlfile.DidYouMean(name, names))
	}
	return errBody
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
