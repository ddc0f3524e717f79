// Package page is the web page: what an operator opens at night to see what has
// fired. It is made of files that the program carries, plain ES modules and a
// style sheet; nothing is built, and nothing is fetched from anywhere else. All
// that it shows it asks of the reading API (docs/api.md), as anybody could.
package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"path"
	"sync"
)

//go:embed assets
var files embed.FS

const indexName = "index.html"

// Below is where the assets are; behind it comes Version, then the name.
const Below = "/-/page/"

// Page holds the document and its assets as they are sent. It is never changed.
type Page struct {
	// Version is worked out from every byte of the assets and is part of their
	// paths. So they may be kept for ever, and the modules that one document loads
	// are of one version: they import each other by relative paths.
	Version string

	index  *file
	assets map[string]*file // by name
}

// file is one file as it is sent.
type file struct {
	contentType string
	plain       []byte
	gzip        []byte // nil where it would not be shorter
	etag        string // weak: both encodings have the same
}

// New returns the page, of which there is one.
var New = sync.OnceValue(build)

// placeholder stands in the document where the version belongs.
const placeholder = "VERSION"

func build() *Page {
	all, err := files.ReadDir("assets")
	if err != nil {
		panic("BUG: the page is not in the program: " + err.Error())
	}
	p := &Page{assets: make(map[string]*file)}
	sum := sha256.New()
	var document []byte
	for _, entry := range all { // sorted by name
		name := entry.Name()
		content, err := files.ReadFile("assets/" + name)
		if err != nil {
			panic("BUG: a file of the page is not in the program: " + err.Error())
		}
		content = lean(name, content)
		sum.Write([]byte(name + "\x00"))
		sum.Write(content)
		if name == indexName {
			document = content
			continue
		}
		p.assets[name] = newFile(name, content)
	}
	p.Version = hex.EncodeToString(sum.Sum(nil)[:6])
	p.index = newFile(indexName, bytes.ReplaceAll(document, []byte(placeholder), []byte(p.Version)))
	return p
}

// lean leaves out what is for who reads the source: indentation, empty lines, and
// lines that are comments. No string of ours goes over several lines.
func lean(name string, content []byte) []byte {
	comment := map[string]string{".js": "//", ".css": "/*"}[path.Ext(name)]
	var kept []byte
	for line := range bytes.Lines(content) {
		if line = bytes.TrimLeft(line, " "); len(line) > 1 && (comment == "" || !bytes.HasPrefix(line, []byte(comment))) {
			kept = append(kept, line...)
		}
	}
	return kept
}

func newFile(name string, content []byte) *file {
	sum := sha256.Sum256(content)
	f := &file{
		contentType: typeOf(name),
		plain:       content,
		etag:        `W/"` + hex.EncodeToString(sum[:8]) + `"`,
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // fails for unknown levels only
	_, _ = z.Write(content)                               // neither can fail: it is a buffer
	_ = z.Close()
	if b.Len() < len(content) {
		f.gzip = b.Bytes()
	}
	return f
}

// typeOf does not ask the machine, whose tables may call a module text/plain,
// which no browser runs.
func typeOf(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	panic("BUG: the page has no type for " + name)
}

// Size returns how many bytes the document and its assets have, uncompressed.
func (p *Page) Size() int {
	total := len(p.index.plain)
	for _, f := range p.assets {
		total += len(f.plain)
	}
	return total
}
