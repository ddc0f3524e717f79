// Package nearest finds the name that somebody meant who wrote another.
package nearest

import "strings"

// Name returns the name that path was probably meant to be, or "": the one
// with the fewest letters to change, or one with the same last word, or one
// that path makes longer or shorter (server.listen_address).
func Name(path string, names []string) string {
	plain := func(s string) string {
		return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s))
	}
	leaf := func(s string) string { return plain(s[strings.LastIndexByte(s, '.')+1:]) }

	best, distance := "", min(len(path)/3, 6)+1
	for _, name := range names {
		if d := editDistance(plain(path), plain(name)); d < distance {
			best, distance = name, d
		}
	}
	if distance <= 1 {
		return best
	}
	for _, name := range names {
		if leaf(name) == leaf(path) {
			return name
		}
	}
	if best != "" {
		return best
	}
	for _, name := range names {
		if strings.Contains(name, ".") && (strings.HasPrefix(plain(path), plain(name)) || strings.HasPrefix(plain(name), plain(path))) {
			return name
		}
	}
	return ""
}

// Hint is what a message about an unknown name ends with: "; did you mean …?", or "".
func Hint(path string, names []string) string {
	if name := Name(path, names); name != "" {
		return "; did you mean " + name + "?"
	}
	return ""
}

// Misspelt returns the name that differs from this one in one or two letters, or "".
func Misspelt(name string, names []string) string {
	for _, n := range names {
		if d := editDistance(name, n); d == 1 || d == 2 {
			return n
		}
	}
	return ""
}

// editDistance is Levenshtein's: letters to insert, delete or replace.
func editDistance(a, b string) int {
	const most = 64 // no name of ours is longer, and a stranger's may be a page
	if len(a) > most || len(b) > most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
