package report

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// latest is the name of copies that others can link to.
const latest = "latest"

// Write writes the raw samples, the tables and the plots into dir, which it
// creates, and returns the names of the files. After a whole run the tables and
// the plots are there under the name "latest", too.
func (r *Report) Write(dir string) (names []string, err error) {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	base := r.Time.UTC().Format("2006-01-02T1504") + "-" + r.Commit
	if r.Quick {
		base += "-quick"
	}
	files := append([]file{{base + ".json", append(raw, '\n')}}, r.files(base)...)
	if r.Settings.Whole && !r.Quick {
		files = append(files, r.files(latest)...)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.content, 0o644); err != nil {
			return names, err
		}
		names = append(names, f.name)
	}
	return names, nil
}

type file struct {
	name    string
	content []byte
}

// files returns the tables, with the plots in them, and the plots.
func (r *Report) files(base string) []file {
	var links strings.Builder
	var all []file
	for _, f := range r.figures() {
		name := base + "-" + f.name + ".svg"
		all = append(all, file{name, f.plot.SVG()})
		fmt.Fprintf(&links, "\n![%s](%s)\n", f.plot.Title, name)
	}
	text := r.Markdown()
	if links.Len() > 0 {
		text += "\n## Plots\n" + links.String()
	}
	return append([]file{{base + ".md", []byte(text)}}, all...)
}
