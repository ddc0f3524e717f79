package report

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// Write writes the raw samples and the tables into dir, which it creates, and
// returns the names of the two files.
func (r *Report) Write(dir string) (names []string, err error) {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	base := r.Time.UTC().Format("2006-01-02T1504") + "-" + r.Commit
	files := []struct {
		name    string
		content []byte
	}{{base + ".json", append(raw, '\n')}, {base + ".md", []byte(r.Markdown())}}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.content, 0o644); err != nil {
			return names, err
		}
		names = append(names, f.name)
	}
	return names, nil
}
