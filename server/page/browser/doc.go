// Package browser holds the tests of the web page in a real browser: Chromium
// without a window, driven over its debugging pipe. The page's own files and
// handler answer beside a reading API that is made up, with ten thousand episodes
// and labels that mean harm.
package browser
