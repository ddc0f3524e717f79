package browser

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// chromium is a running browser. It speaks the DevTools protocol over a pair of
// pipes, JSON with a NUL behind each message: no port, no websocket, no library.
type chromium struct {
	cmd     *exec.Cmd
	in      *os.File // to the browser
	profile string
	done    chan struct{} // closed when nothing comes any more

	mu      sync.Mutex
	last    int
	waiting map[int]chan message
	tabs    map[string]*tab // by session
}

type message struct {
	ID        int             `json:"id"`
	SessionID string          `json:"sessionId"`
	Method    string          `json:"method"`
	Params    json.RawMessage `json:"params"`
	Result    json.RawMessage `json:"result"`
	Error     *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// launch starts a browser that goes nowhere by itself.
func launch() (*chromium, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, errors.New("the tests of the page need chromium; scripts/deps.sh installs it")
	}
	profile, err := os.MkdirTemp("", "stormdrain-browser-")
	if err != nil {
		return nil, err
	}
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c := &chromium{in: in, profile: profile, done: make(chan struct{}), waiting: make(map[int]chan message), tabs: make(map[string]*tab)}
	c.cmd = exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--disable-extensions", "--mute-audio", "--hide-scrollbars=false", "--remote-debugging-pipe", "--user-data-dir="+profile, "about:blank")
	c.cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4, as the browser expects them
	err = c.cmd.Start()
	theirIn.Close()
	theirOut.Close()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	go c.read(out)
	return c, nil
}

func (c *chromium) close() {
	_, _ = c.call("", "Browser.close", nil)
	c.in.Close()
	<-c.done
	_ = c.cmd.Wait() // how it ends says nothing of the page
	os.RemoveAll(c.profile)
}

func (c *chromium) read(out *os.File) {
	defer close(c.done)
	defer out.Close()
	lines := bufio.NewReaderSize(out, 1<<16)
	for {
		line, err := lines.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(bytes.TrimRight(line, "\x00"), &m) != nil {
			continue
		}
		c.mu.Lock()
		answer, waits := c.waiting[m.ID]
		delete(c.waiting, m.ID)
		t := c.tabs[m.SessionID]
		c.mu.Unlock()
		switch {
		case m.ID != 0 && waits:
			answer <- m
		case t != nil:
			t.heard(m)
		}
	}
}

// call asks the browser (session empty) or a tab.
func (c *chromium) call(session, method string, params any) (json.RawMessage, error) {
	c.mu.Lock()
	c.last++
	id := c.last
	answer := make(chan message, 1)
	c.waiting[id] = answer
	request, err := json.Marshal(map[string]any{"id": id, "method": method, "params": orEmpty(params), "sessionId": session})
	if err == nil {
		if session == "" {
			request = bytes.Replace(request, []byte(`,"sessionId":""`), nil, 1)
		}
		_, err = c.in.Write(append(request, 0))
	}
	c.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m := <-answer:
		if m.Error != nil {
			return nil, fmt.Errorf("%s: %s", method, m.Error.Message)
		}
		return m.Result, nil
	case <-c.done:
		return nil, fmt.Errorf("%s: the browser has ended", method)
	}
}

func orEmpty(params any) any {
	if params == nil {
		return struct{}{}
	}
	return params
}

// tab is a page in a profile of its own, so that no test sees another's storage.
type tab struct {
	t       testing.TB
	browser *chromium
	session string

	mu         sync.Mutex
	complaints []string // errors of scripts, of the policy and of the console
	failures   []string // requests that failed
	asked      []*url.URL
}

// open makes a tab of 1280 by 800 and shows the address.
func open(t testing.TB, address string) *tab {
	t.Helper()
	c := browser
	var made struct{ BrowserContextID, TargetID, SessionID string }
	ask := func(method string, params any) {
		t.Helper()
		result, err := c.call("", method, params)
		if err == nil {
			err = json.Unmarshal(result, &made)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ask("Target.createBrowserContext", nil)
	ask("Target.createTarget", map[string]any{"url": "about:blank", "browserContextId": made.BrowserContextID})
	ask("Target.attachToTarget", map[string]any{"targetId": made.TargetID, "flatten": true})
	p := &tab{t: t, browser: c, session: made.SessionID}
	c.mu.Lock()
	c.tabs[p.session] = p
	c.mu.Unlock()
	t.Cleanup(func() {
		if t.Failed() && os.Getenv("SHOTS") != "" {
			p.shot(os.Getenv("SHOTS") + "/failed-" + strings.ReplaceAll(t.Name(), "/", "-") + ".png")
		}
		_, _ = c.call("", "Target.disposeBrowserContext", map[string]any{"browserContextId": made.BrowserContextID})
		c.mu.Lock()
		delete(c.tabs, p.session)
		c.mu.Unlock()
	})
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		p.do(domain+".enable", nil)
	}
	p.size(1280, 800)
	p.visit(address)
	return p
}

func (p *tab) do(method string, params any) json.RawMessage {
	p.t.Helper()
	result, err := p.browser.call(p.session, method, params)
	if err != nil {
		p.t.Fatal(err)
	}
	return result
}

func (p *tab) visit(address string) {
	p.t.Helper()
	p.do("Page.navigate", map[string]any{"url": address})
}

// follow goes to another address of the page without loading it anew, as the back
// button does.
func (p *tab) follow(query string) {
	p.t.Helper()
	p.eval(fmt.Sprintf(`history.pushState(null, "", %q), dispatchEvent(new PopStateEvent("popstate"))`, "/"+query), nil)
}

func (p *tab) size(width, height int) {
	p.t.Helper()
	p.do("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false})
}

func (p *tab) prefers(feature, value string) {
	p.t.Helper()
	p.do("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": feature, "value": value}}})
}

// heard takes what the tab says unasked. It runs in the browser's goroutine.
func (p *tab) heard(m message) {
	var e struct {
		Type             string
		Args             []struct{ Value, Description any }
		ExceptionDetails struct {
			Text      string
			Exception struct{ Description string }
		}
		Entry   struct{ Source, Level, Text, URL string }
		Request struct{ URL string }
	}
	if json.Unmarshal(m.Params, &e) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case m.Method == "Network.requestWillBeSent":
		if u, err := url.Parse(e.Request.URL); err == nil {
			p.asked = append(p.asked, u)
		}
	case m.Method == "Runtime.exceptionThrown":
		p.complaints = append(p.complaints, e.ExceptionDetails.Text+" "+e.ExceptionDetails.Exception.Description)
	case m.Method == "Runtime.consoleAPICalled" && (e.Type == "error" || e.Type == "warning" || e.Type == "assert"):
		p.complaints = append(p.complaints, fmt.Sprint(e.Args))
	case m.Method == "Log.entryAdded" && e.Entry.Source == "network":
		p.failures = append(p.failures, e.Entry.Text+" "+e.Entry.URL)
	case m.Method == "Log.entryAdded" && e.Entry.Level == "error":
		p.complaints = append(p.complaints, e.Entry.Source+": "+e.Entry.Text)
	}
}

// questions returns what a part of the API was asked since the last time.
func (p *tab) questions(part string) (found []url.Values) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = slices.DeleteFunc(p.asked, func(u *url.URL) bool {
		about := u.Path == "/api/v1/"+part
		if about {
			found = append(found, u.Query())
		}
		return about
	})
	return found
}

// lastQuestion returns what a part of the API was asked last: a refresh may have asked the
// question before in between.
func (p *tab) lastQuestion(part string) url.Values {
	p.t.Helper()
	asked := p.questions(part)
	if len(asked) == 0 {
		p.t.Fatalf("%s was not asked", part)
	}
	return asked[len(asked)-1]
}

// clean fails the test when anything has gone wrong so far.
func (p *tab) clean() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range append(p.complaints, p.failures...) {
		p.t.Errorf("the browser says: %s", c)
	}
}

// eval returns what an expression is, after awaiting it, in result.
func (p *tab) eval(expression string, result any) {
	p.t.Helper()
	if err := p.tryEval(expression, result); err != nil {
		p.t.Fatal(err)
	}
}

func (p *tab) tryEval(expression string, result any) error {
	raw, err := p.browser.call(p.session, "Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true})
	if err != nil {
		return err
	}
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Exception struct{ Description string } }
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return err
	}
	if answer.ExceptionDetails != nil {
		return fmt.Errorf("%s: %s", expression, answer.ExceptionDetails.Exception.Description)
	}
	if result == nil || answer.Result.Value == nil {
		return nil
	}
	return json.Unmarshal(answer.Result.Value, result)
}

func (p *tab) text(expression string) (s string) {
	p.t.Helper()
	p.eval("String("+expression+")", &s)
	return s
}

func (p *tab) number(expression string) (n float64) {
	p.t.Helper()
	p.eval("Number("+expression+")", &n)
	return n
}

// patience bounds a wait for what should come at once, on a machine that is busy.
const patience = 20 * time.Second

// wait returns when the condition holds. The page itself looks, with each of its
// frames; a page that is being left is asked again.
func (p *tab) wait(condition string) {
	p.t.Helper()
	p.waitFor(condition, patience)
}

func (p *tab) waitFor(condition string, patience time.Duration) {
	p.t.Helper()
	look := fmt.Sprintf(`new Promise((done, failed) => {
		const until = performance.now() + %d;
		const look = () => {
			let holds = false;
			try { holds = %s } catch { }
			if (holds) done();
			else if (performance.now() > until) failed(new Error("in vain"));
			else setTimeout(look, 5);
		};
		look();
	})`, patience.Milliseconds(), condition)
	deadline := time.Now().Add(patience)
	for {
		err := p.tryEval(look, nil)
		if err == nil {
			return
		}
		vain := strings.Contains(err.Error(), "in vain")
		if vain || time.Now().After(deadline) || strings.Contains(err.Error(), "SyntaxError") {
			if vain {
				err = nil // it has the whole of look in it
			}
			p.t.Fatalf("waited for %s: %v\nat %s\ncomplaints %q\nfailures %q", condition, err, p.text("location.href"), p.complaints, p.failures)
		}
	}
}

// press presses a key, by its name in KeyboardEvent.key.
func (p *tab) press(key string) {
	p.t.Helper()
	codes := map[string]int{"Enter": 13, "Escape": 27, "Tab": 9, "ArrowDown": 40, "ArrowUp": 38, "ArrowLeft": 37, "ArrowRight": 39, "End": 35, "Home": 36}
	params := map[string]any{"type": "keyDown", "key": key}
	if code, ok := codes[key]; ok {
		params["windowsVirtualKeyCode"] = code
		if key == "Enter" {
			params["text"] = "\r"
		}
	} else {
		params["text"] = key
	}
	p.do("Input.dispatchKeyEvent", params)
	delete(params, "text")
	params["type"] = "keyUp"
	p.do("Input.dispatchKeyEvent", params)
}

func (p *tab) write(text string) {
	p.t.Helper()
	p.do("Input.insertText", map[string]any{"text": text})
}

func (p *tab) mouse(kind string, x, y float64) {
	p.t.Helper()
	params := map[string]any{"type": kind, "x": x, "y": y}
	if kind != "mouseMoved" {
		params["button"], params["clickCount"] = "left", 1
	}
	p.do("Input.dispatchMouseEvent", params)
}

// click clicks into the middle of what a selector finds.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("document.querySelector(%q)?.getBoundingClientRect().width > 0", selector))
	box := p.box(selector)
	x, y := box.X+box.Width/2, box.Y+box.Height/2
	p.mouse("mousePressed", x, y)
	p.mouse("mouseReleased", x, y)
}

type box struct{ X, Y, Width, Height float64 }

func (p *tab) box(selector string) (b box) {
	p.t.Helper()
	p.eval(fmt.Sprintf("document.querySelector(%q).getBoundingClientRect().toJSON()", selector), &b)
	return b
}

// shot writes what is seen into a file.
func (p *tab) shot(path string) {
	p.t.Helper()
	result, err := p.browser.call(p.session, "Page.captureScreenshot", map[string]any{"format": "png"})
	var picture struct{ Data string }
	if err == nil {
		err = json.Unmarshal(result, &picture)
	}
	content, decoding := base64.StdEncoding.DecodeString(picture.Data)
	if err = errors.Join(err, decoding); err == nil {
		err = os.WriteFile(path, content, 0o644)
	}
	if err != nil {
		p.t.Logf("screenshot: %v", err)
	}
}

func (p *tab) truth(expression string) (b bool) {
	p.t.Helper()
	p.eval("Boolean("+expression+")", &b)
	return b
}

func decode(t *testing.T, raw json.RawMessage, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}
