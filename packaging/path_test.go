package packaging

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"nezuban/packaging/testenv"
)

// station is one row of the README's table: a file and the function in it.
type station struct{ file, function string }

// TestThePathOfASampleIsTheOneInTheReadme holds the table against the code: each function is in its file, and its
// comment ends by naming the next.
func TestThePathOfASampleIsTheOneInTheReadme(t *testing.T) {
	root := testenv.Repo(t)
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(readme), "## Path of a sample")
	if !found {
		t.Fatal("README.md has no section on the path of a sample")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	row := regexp.MustCompile("(?m)^\\|[^|]*\\| `([^`]+)` \\| `([^`]+)` \\|$")
	var path []station
	for _, m := range row.FindAllStringSubmatch(section, -1) {
		path = append(path, station{m[1], m[2]})
	}
	if len(path) < 10 {
		t.Fatalf("found %d rows %v, want the whole path", len(path), path)
	}
	for i, s := range path {
		comment, ok := commentOf(t, filepath.Join(root, s.file), s.function)
		if !ok {
			t.Errorf("%s has no function %s", s.file, s.function)
			continue
		}
		if i == len(path)-1 {
			break
		}
		next := path[i+1].function
		next = next[strings.LastIndex(next, ".")+1:]
		_, pointer, named := strings.Cut(comment, "Next on a sample's path")
		if !named || !strings.Contains(pointer, next) {
			t.Errorf("the comment of %s in %s does not name %s as the next on a sample's path", s.function, s.file, next)
		}
	}
}

// commentOf finds a function, written as Function or Receiver.Method, and its doc comment.
func commentOf(t *testing.T, file, function string) (comment string, ok bool) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Error(err)
		return "", false
	}
	for _, decl := range parsed.Decls {
		if f, isFunc := decl.(*ast.FuncDecl); isFunc && nameOf(f) == function {
			return f.Doc.Text(), true
		}
	}
	return "", false
}

func nameOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	receiver := f.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if ident, ok := receiver.(*ast.Ident); ok {
		return ident.Name + "." + f.Name.Name
	}
	return f.Name.Name
}
