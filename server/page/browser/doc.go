// Package browser holds the tests of the web page in a real browser: Chromium
// without a window, driven over its debugging pipe. It shows what the real program
// says, which has been sent a storm of ten thousand episodes, bodies of real
// Alertmanagers and labels that mean harm; and which is killed while one looks.
package browser
