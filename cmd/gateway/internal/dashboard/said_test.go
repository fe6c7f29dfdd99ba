package dashboard

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// saidTexts are all texts of the gateway that have a code, by it: the literals of
// every answer.Say in the source of the gateway.
func saidTexts(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir("../..", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return err
		}
		source, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(source), "Say(") {
			return err
		}
		positions := token.NewFileSet()
		f, err := parser.ParseFile(positions, file, source, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && saysText(f, call.Fun) {
				at := positions.Position(call.Pos()).String()
				takeText(t, at, call.Args, all)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// saysText tells whether a function that is called is answer.Say.
func saysText(f *ast.File, fun ast.Expr) bool {
	if name, ok := fun.(*ast.Ident); ok {
		return name.Name == "Say" && f.Name.Name == "answer"
	}
	of, ok := fun.(*ast.SelectorExpr)
	if !ok || of.Sel.Name != "Say" {
		return false
	}
	pkg, ok := of.X.(*ast.Ident)
	return ok && pkg.Name == "answer"
}

// takeText takes the literals of a call, and holds that there is a value for every
// name in braces.
func takeText(t *testing.T, at string, args []ast.Expr, all map[string]string) {
	t.Helper()
	code, okCode := literal(args[0])
	english, okEnglish := literal(args[1])
	if !okCode || !okEnglish {
		t.Errorf("%s: code and English have to be literals", at)
		return
	}
	names := make(map[string]bool)
	for _, name := range placeholder.FindAllString(english, -1) {
		names[name] = true
	}
	if len(names) != len(args)-2 {
		t.Errorf("%s: %q has %d names, and there are %d values", at, english, len(names), len(args)-2)
	}
	if old, taken := all[code]; taken && old != english {
		t.Errorf("%s: the code %s is that of another text, too: %q", at, code, old)
	}
	all[code] = english
}

// literal returns the text of a literal, or of several that are added.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		a, okA := literal(e.X)
		b, okB := literal(e.Y)
		return a + b, okA && okB && e.Op == token.ADD
	}
	return "", false
}

// TestEveryTextOfTheServerHasWords: what the gateway can say with a code is in the
// catalogue in English as in Go, and in Korean in Korean; and nothing else is. That
// both languages have the same names in braces holds TestEveryLanguageIsComplete.
func TestEveryTextOfTheServerHasWords(t *testing.T) {
	english, korean := catalogues(t, "en")["said"], catalogues(t, "ko")["said"]
	texts := saidTexts(t)
	if len(texts) < 50 {
		t.Fatalf("%d texts were found in the source; the test looks in the wrong place", len(texts))
	}
	hangul := regexp.MustCompile(`\p{Hangul}`)
	for code, text := range texts {
		if english[code] != text {
			t.Errorf("said.%s is %q in en/said.json, want %q", code, english[code], text)
		}
		said, _ := korean[code].(string)
		if words := placeholder.ReplaceAllString(text, ""); regexp.MustCompile(`[a-z]`).MatchString(words) && !hangul.MatchString(said) {
			t.Errorf("said.%s has no Korean: %q", code, said)
		}
	}
	for code := range english {
		if _, used := texts[code]; !used {
			t.Errorf("said.%s is said nowhere", code)
		}
	}
}

// TestEveryKindOfTroubleHasWords: for why a sensor cannot be read, beside what its
// driver says, there is a word in every language; but for "other".
func TestEveryKindOfTroubleHasWords(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "../../../../sensors/stats.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	kinds := 0
	words := catalogues(t, "en")["shell"]
	for _, d := range f.Decls {
		fun, ok := d.(*ast.FuncDecl)
		if !ok || fun.Name.Name != "errorClass" {
			continue
		}
		ast.Inspect(fun, func(n ast.Node) bool {
			if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) == 1 {
				kind, _ := literal(r.Results[0])
				if _, there := words["kind."+kind]; !there && kind != "other" {
					t.Errorf("shell.kind.%s has no words", kind)
				}
				kinds++
			}
			return true
		})
	}
	if kinds < 5 {
		t.Errorf("errorClass returns %d kinds; the test looks in the wrong place", kinds)
	}
}
