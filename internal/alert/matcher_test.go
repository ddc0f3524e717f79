package alert

import (
	"slices"
	"testing"
)

func TestParseMatchers(t *testing.T) {
	t.Parallel()
	f := func(in string, want ...string) {
		t.Helper()
		got, err := ParseMatchers(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			return
		}
		var s []string
		for _, m := range got {
			s = append(s, m.String())
		}
		if !slices.Equal(s, want) {
			t.Errorf("%s: %q, want %q", in, s, want)
		}
	}
	f(`severity="critical"`, `"severity"="critical"`)
	f(`severity=critical`, `"severity"="critical"`)
	f(` severity =~ "crit.*" `, `"severity"=~"crit.*"`)
	f(`severity=~crit.*`, `"severity"=~"crit.*"`)
	f(`team!~"a|b"`, `"team"!~"a|b"`)
	f(`team!=""`, `"team"!=""`)
	f(`team=`, `"team"=""`)
	f(`{a="1",b!="2"}`, `"a"="1"`, `"b"!="2"`)
	f(`{ a = 1 , b =~ "x,y}" , }`, `"a"="1"`, `"b"=~"x,y}"`)
	f(`a=1,b=2`, `"a"="1"`, `"b"="2"`)
	f(`{}`)
	f(`"a.b c"="x"`, `"a.b c"="x"`)
	f(`{"日本"=~"京\\d+"}`, `"日本"=~"京\\d+"`)
	f(`日本=東京`, `"日本"="東京"`)
	f(`a="say \"hi\"\n"`, `"a"="say \"hi\"\n"`)
	f(`a=~"\d+"`, `"a"=~"\\d+"`)
}

func TestParseMatchersRefuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{``, ` `, `a`, `a==b`, `="x"`, `a="x`, `{a="x"`, `a="x" b="y"`, `a=~"("`, `{a="x"}}`, `a!b`, "a=\xff"} {
		if got, err := ParseMatchers(in); err == nil {
			t.Errorf("%q: %v, want an error", in, got)
		}
	}
}

func TestMatcherMeansWhatAlertmanagersDoes(t *testing.T) {
	t.Parallel()
	f := func(matcher, value string, want bool) {
		t.Helper()
		ms, err := ParseMatchers(matcher)
		if err != nil {
			t.Fatal(err)
		}
		var labels []Pair
		if value != "" {
			labels = []Pair{{Name: "l", Value: value}}
		}
		if got := MatchAll(ms, labels); got != want {
			t.Errorf("%s on %q: %v", matcher, value, got)
		}
	}
	f(`l="a"`, "a", true)
	f(`l=""`, "", true) // absent equals empty
	f(`l!="a"`, "", true)
	f(`l=~".*"`, "", true)
	f(`l=~".+"`, "", false)
	f(`l!~".+"`, "", true)
	f(`l=~"a"`, "ab", false) // anchored
	f(`l=~"a|ab"`, "ab", true)
	f(`l=~"a.b"`, "a\nb", false)
	f(`l=~"(?i)CRIT.*"`, "critical", true)
}

func FuzzParseMatchers(f *testing.F) {
	for _, s := range []string{`a="b"`, `{a=~"x.*",b!~"y"}`, `"日本"!=x`, `a="\u00e9"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ms, err := ParseMatchers(s)
		if err != nil {
			return
		}
		// What was read, written again, reads the same.
		for _, m := range ms {
			again, err := ParseMatchers(m.String())
			if err != nil || len(again) != 1 || again[0].Name != m.Name || again[0].Op != m.Op || again[0].Value != m.Value {
				t.Fatalf("%s from %q reads as %v, %v", m, s, again, err)
			}
		}
	})
}
