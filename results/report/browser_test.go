//go:build unix

package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// browserLimit is for a machine that does much else. A browser that takes
// longer says nothing about the page.
const browserLimit = 3 * time.Minute

// A browsed page is what a browser made of it, and asked the network for.
type browsed struct {
	frames map[string]map[string]string // by name: the attributes that the page reports of itself
	asked  []string                     // URLs of requests that pages made
}

// frame is a page in a frame of a width.
type frame struct {
	name, query string
	width       int
}

// The request that the page around the frames makes, to show that the log
// would have one of a report.
const controlURL = "http://control.invalid/pixel.png"

// browse opens the page in frames, offline, in one browser, and skips the test
// where there is none or it does not run.
func browse(t *testing.T, text string, frames ...frame) browsed {
	t.Helper()
	browser := findBrowser(t)
	dir, err := os.MkdirTemp("", "kvbench-report")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	report := filepath.Join(dir, "report.html")
	outer := filepath.Join(dir, "frames.html")
	for name, content := range map[string]string{report: text, outer: framesPage(report, frames)} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	netLog := filepath.Join(dir, "net.json")
	out := runBrowser(t, browser, "--log-net-log="+netLog, "--user-data-dir="+filepath.Join(dir, "profile"), "--dump-dom", "file://"+outer)
	got := browsed{frames: map[string]map[string]string{}}
	for _, f := range frames {
		m := regexp.MustCompile(`data-frame-` + f.name + `="([^"]*)"`).FindSubmatch(out)
		if m == nil {
			t.Skipf("%s opened nothing, not even the first script: %.300s", browser, out)
		}
		says := map[string]string{}
		if err := json.Unmarshal([]byte(html.UnescapeString(string(m[1]))), &says); err != nil {
			t.Fatalf("frame %s: %v", f.name, err)
		}
		got.frames[f.name] = says
	}
	log, err := os.ReadFile(netLog)
	if err != nil {
		t.Skipf("%s wrote no log of the network: %v", browser, err)
	}
	got.asked = askedByPages(log)
	return got
}

func findBrowser(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes seconds")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium is installed")
	return ""
}

// runBrowser returns what a headless browser prints. All its processes are
// gone afterwards.
func runBrowser(t *testing.T, browser string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), browserLimit)
	defer cancel()
	c := exec.CommandContext(ctx, browser, append([]string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--disable-extensions", "--no-first-run", "--no-default-browser-check",
		"--window-size=1400,900", "--virtual-time-budget=20000",
	}, args...)...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	kill := func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.Cancel = kill
	c.WaitDelay = 10 * time.Second
	var out, words bytes.Buffer
	c.Stdout, c.Stderr = &out, &words
	if err := c.Start(); err != nil {
		t.Skipf("%s does not start: %v", browser, err)
	}
	err := c.Wait()
	if killed := kill(); killed != nil && !errors.Is(killed, syscall.ESRCH) {
		t.Logf("ending the browser: %v", killed)
	}
	if err != nil || out.Len() == 0 {
		t.Skipf("%s does not run here: %v; %.300s", browser, err, words.Bytes())
	}
	return out.Bytes()
}

// framesPage holds the report in frames and keeps what each says last.
func framesPage(report string, frames []frame) string {
	var b strings.Builder
	b.WriteString(`<!DOCTYPE html><html><body><script>
addEventListener("message", (e) => {
  for (const f of document.querySelectorAll("iframe"))
    if (e.source === f.contentWindow && e.data.probe) document.documentElement.setAttribute("data-frame-" + f.name, JSON.stringify(e.data.probe));
});
</script><img src="` + controlURL + `">`)
	for _, f := range frames {
		fmt.Fprintf(&b, `<iframe name="%s" src="file://%s?probe&amp;%s" style="border:0;width:%dpx;height:800px"></iframe>`, f.name, report, f.query, f.width)
	}
	return b.String() + `</body></html>`
}

// askedByPages finds requests in Chromium's log that a page made, not the
// browser for itself. A log that was cut off is read as far as it goes.
func askedByPages(log []byte) []string {
	var asked []string
	for line := range bytes.Lines(log) {
		var event struct {
			Params struct {
				URL       string `json:"url"`
				Initiator string `json:"initiator"`
			} `json:"params"`
		}
		if json.Unmarshal(bytes.TrimRight(line, "],\r\n "), &event) != nil {
			continue // the frame of the log, or its torn end
		}
		url, by := event.Params.URL, event.Params.Initiator
		if by == "" || by == "not an origin" || strings.HasPrefix(url, "file:") || strings.HasPrefix(url, "data:") {
			continue
		}
		if !slices.Contains(asked, url) {
			asked = append(asked, url)
		}
	}
	return asked
}

func TestAReportDrawsAllItsChartsOfflineAndFitsAPhone(t *testing.T) {
	text := page(t, richModel())
	charts := strings.Count(text, "data-chart=")
	got := browse(
		t, text,
		frame{"phone", "theme=light", 360},
		frame{"dark", "theme=dark", 1280},
	)
	if !slices.Equal(got.asked, []string{controlURL}) {
		t.Errorf("the pages asked for %v; only the frames' own %s is expected", got.asked, controlURL)
	}
	for name, says := range got.frames {
		if says["errors"] != "0" {
			t.Errorf("%s: %s errors, the last: %s", name, says["errors"], says["lastError"])
		}
		if says["charts"] != strconv.Itoa(charts) {
			t.Errorf("%s: %s charts are drawn, not %d", name, says["charts"], charts)
		}
		if n, err := strconv.Atoi(says["overflow"]); err != nil || n > 0 || says["wide"] != "" {
			t.Errorf("%s: the page is %q px wider than the screen: %s", name, says["overflow"], says["wide"])
		}
	}
	if w := got.frames["phone"]["width"]; w != "360" {
		t.Errorf("the phone is %s px wide", w)
	}
	if got.frames["dark"]["ground"] == got.frames["phone"]["ground"] {
		t.Errorf("both themes have the ground %s", got.frames["dark"]["ground"])
	}
}

func TestHostileTextRunsNothingInABrowser(t *testing.T) {
	text := page(t, spoiledModel())
	got := browse(t, text, frame{"page", "", 1000})
	says := got.frames["page"]
	if says["errors"] != "0" || says["charts"] != strconv.Itoa(strings.Count(text, "data-chart=")) {
		t.Errorf("%s errors, the last: %s; %s charts", says["errors"], says["lastError"], says["charts"])
	}
	if !slices.Equal(got.asked, []string{controlURL}) {
		t.Errorf("the page asked for %v", got.asked)
	}
}
