package report

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kvbench/kvbench/results"
)

// An element is a start tag of a page, with where it stands.
type element struct {
	name    string
	attrs   map[string]string
	parents []string
	text    string // of script and style alone
}

var (
	voidElements = []string{"meta", "br", "link", "img", "input", "hr"}
	tagPattern   = regexp.MustCompile(`^<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:\s+[a-zA-Z][a-zA-Z0-9:-]*(?:\s*=\s*"[^"]*")?)*)\s*(/?)>`)
	attrPattern  = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9:-]*)(?:\s*=\s*"([^"]*)")?`)
)

// elements reads a page strictly: every element is closed in order, every
// attribute is quoted, and no < stands in text.
func elements(t *testing.T, page string) []element {
	t.Helper()
	var out []element
	var open []string
	rest := strings.TrimPrefix(page, "<!DOCTYPE html>")
	for {
		i := strings.IndexByte(rest, '<')
		if i < 0 {
			break
		}
		rest = rest[i:]
		m := tagPattern.FindStringSubmatch(rest)
		if m == nil {
			t.Fatalf("no tag: %.120q", rest)
		}
		rest = rest[len(m[0]):]
		name := strings.ToLower(m[2])
		if m[1] == "/" {
			if len(open) == 0 || open[len(open)-1] != name {
				t.Fatalf("</%s> closes nothing; open are %v; before %.120q", name, open, rest)
			}
			open = open[:len(open)-1]
			continue
		}
		e := element{name: name, attrs: map[string]string{}, parents: slices.Clone(open)}
		for _, a := range attrPattern.FindAllStringSubmatch(m[3], -1) {
			if _, twice := e.attrs[a[1]]; twice {
				t.Fatalf("<%s> has %s twice", name, a[1])
			}
			e.attrs[a[1]] = html.UnescapeString(a[2])
		}
		if name == "script" || name == "style" {
			end := strings.Index(rest, "</"+name+">")
			if end < 0 {
				t.Fatalf("<%s> has no end", name)
			}
			e.text, rest = rest[:end], rest[end+len(name)+3:]
		} else if m[4] != "/" && !slices.Contains(voidElements, name) {
			open = append(open, name)
		}
		out = append(out, e)
	}
	if len(open) > 0 {
		t.Fatalf("left open: %v", open)
	}
	return out
}

func named(all []element, name string) []element {
	var out []element
	for _, e := range all {
		if e.name == name {
			out = append(out, e)
		}
	}
	return out
}

func TestAPageIsWellFormedAndItsLinksLeadSomewhere(t *testing.T) {
	for name, m := range map[string]*Model{"rich": richModel(), "empty": {}} {
		all := elements(t, page(t, m))
		ids := map[string]bool{}
		for _, e := range all {
			if id, ok := e.attrs["id"]; ok && ids[id] {
				t.Errorf("%s: id %q twice", name, id)
			} else if ok {
				ids[id] = true
			}
		}
		for _, a := range named(all, "a") {
			if to := strings.TrimPrefix(a.attrs["href"], "#"); to == a.attrs["href"] || !ids[to] {
				t.Errorf("%s: a link leads to %q, which is not in the page", name, a.attrs["href"])
			}
		}
	}
}

func TestAPageNamesNothingThatWouldBeFetched(t *testing.T) {
	for _, e := range elements(t, page(t, richModel())) {
		if slices.Contains([]string{"link", "img", "iframe", "object", "embed", "base", "form", "video", "audio", "source", "image", "use"}, e.name) {
			t.Errorf("there is a <%s>", e.name)
		}
		for name, value := range e.attrs {
			fetches := slices.Contains([]string{"src", "srcset", "action", "data", "poster", "background", "xlink:href"}, name)
			if fetches || strings.HasPrefix(name, "on") || strings.Contains(value, "://") || strings.Contains(value, "url(") {
				t.Errorf("<%s %s=%q>", e.name, name, value)
			}
		}
		if e.name == "style" && (strings.Contains(e.text, "url(") || strings.Contains(e.text, "@import")) {
			t.Error("the style sheet fetches something")
		}
	}
}

func TestThePolicyAllowsTheScriptsOfThePageAndNoOther(t *testing.T) {
	all := elements(t, page(t, richModel()))
	var content string
	for _, e := range named(all, "meta") {
		if e.attrs["http-equiv"] == "Content-Security-Policy" {
			content = e.attrs["content"]
		}
	}
	if !strings.HasPrefix(content, "default-src 'none';") {
		t.Fatalf("the policy is %q", content)
	}
	allowed := 0
	for _, s := range named(all, "script") {
		if s.attrs["type"] == "application/json" {
			continue
		}
		sum := sha256.Sum256([]byte(s.text))
		if !strings.Contains(content, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
			t.Errorf("a script is not allowed: %.60q", s.text)
		}
		allowed++
	}
	if n := strings.Count(content, "sha256-"); n != allowed {
		t.Errorf("%d scripts are allowed, %d are in the page", n, allowed)
	}
}

// hostile is what a name, a note or an error could be.
const hostile = "</script></style><img src=x onerror=alert(1)>\"'`{{.}}\u2028<!--"

// spoil sets every string below v to the hostile one. It leaves alone what
// the sides of a page find each other by.
func spoil(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(hostile)
	case reflect.Pointer:
		if !v.IsNil() {
			spoil(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			copied := reflect.New(v.Type().Elem()).Elem()
			copied.Set(v.MapIndex(k))
			spoil(copied)
			v.SetMapIndex(k, copied)
		}
	case reflect.Struct:
		kept := []string{"ID", "Run", "Table", "Entry", "Kind", "Names", "Name", "Baseline", "Workload", "X"}
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.IsExported() && (f.Type.Kind() != reflect.String || !slices.Contains(kept, f.Name)) && f.Name != "Axes" && f.Name != "Names" {
				spoil(v.Field(i))
			}
		}
	}
}

// The names that spoil keeps are spoiled here, where they are text.
func spoiledModel() *Model {
	m := richModel()
	spoil(reflect.ValueOf(m).Elem())
	for i := range m.Tables {
		m.Tables[i].Setup.Workload = hostile
	}
	for i := range m.Runs {
		m.Runs[i].Name = hostile
		for k := range m.Runs[i].Lamps {
			m.Runs[i].Lamps[k].Name = hostile
		}
	}
	for i := range m.Series {
		for k := range m.Series[i].Events {
			m.Series[i].Events[k].Kind = hostile
		}
	}
	for i := range m.Studies {
		for k := range m.Studies[i].Figure.Points {
			m.Studies[i].Figure.Points[k].X = hostile
		}
	}
	for i := range m.Comparisons {
		m.Comparisons[i].Names = []string{hostile, hostile + "2"}
	}
	for i := range m.Sweeps {
		m.Sweeps[i].Axes = []results.Axis{{Name: hostile, Values: []string{hostile, "2", "3"}}, {Name: hostile, Values: []string{hostile, "2"}}}
	}
	for i := range m.Quality {
		m.Quality[i].Name = hostile
	}
	return m
}

func TestTextOfAModelStaysText(t *testing.T) {
	text := page(t, spoiledModel())
	if !strings.Contains(text, html.EscapeString("<img src=x")) {
		t.Fatal("the hostile text is not in the page: the test tests nothing")
	}
	rich := elements(t, page(t, richModel()))
	all := elements(t, text)
	for _, name := range []string{"script", "style", "img"} {
		if got, want := len(named(all, name)), len(named(rich, name)); got != want {
			t.Errorf("%d <%s>, not %d", got, name, want)
		}
	}
	for _, e := range all {
		for name, value := range e.attrs {
			if strings.HasPrefix(name, "on") || name == "style" && strings.Contains(value, "img") {
				t.Errorf("<%s %s=%q>", e.name, name, value)
			}
		}
	}
	for _, s := range named(all, "script") {
		if s.attrs["type"] != "application/json" {
			continue
		}
		if strings.ContainsAny(s.text, "<>\u2028\u2029") {
			t.Error("the data of the charts could end their element")
		}
		var charts []map[string]any
		if err := json.Unmarshal([]byte(s.text), &charts); err != nil {
			t.Error(err)
		}
	}
}
