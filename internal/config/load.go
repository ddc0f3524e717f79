package config

import (
	"fmt"
	"reflect"
	"strings"
)

// load gives every setting its value: the flag's, else the environment's, else
// the file's. It returns every mistake and not only the first.
//
// A variable that is set but empty counts as absent, as deployment files write
// ${NAME:-}. Variables that are no setting's are none of our business:
// Kubernetes puts STORMDRAIN_PORT and more of the kind next to a service named
// stormdrain.
func load(settings []*setting, environ []string) []error {
	env := map[string]string{}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			env[name] = value
		}
	}
	var errs []error
	file := map[string]fileValue{}
	for _, s := range settings { // config.file comes first of all
		words, source := s.pick(env, file)
		if words == nil {
			continue
		}
		if err := s.set(words, source); err != nil {
			errs = append(errs, err)
			continue
		}
		if path := s.target.String(); s.key == "config.file" && path != "" {
			var fileErrs []error
			file, fileErrs = readConfigFile(path, settings)
			errs = append(errs, fileErrs...)
		}
	}
	return append(errs, refuseUnbuilt(settings)...)
}

// pick returns what was given for the setting and where; nil for nothing.
func (s *setting) pick(env map[string]string, file map[string]fileValue) (words []string, source string) {
	if len(s.given) > 0 {
		return s.given, "--" + s.flag
	}
	if value := env[s.env]; value != "" {
		return []string{value}, s.env
	}
	if v, ok := file[s.key]; ok {
		return v.words, v.source
	}
	return nil, ""
}

// unbuilt is a key of a part that this version does not have.
type unbuilt struct{ key, part, instead string }

// notBuilt is the list of them: whoever builds a part deletes its lines.
func notBuilt() []unbuilt {
	return []unbuilt{
		{"storage.retention", "retention is", "delete old rows by hand"},
	}
}

// refuseUnbuilt accepts such a key at its default alone. Ignoring a limit or a
// lock that somebody has asked for would be worse than not starting.
func refuseUnbuilt(settings []*setting) []error {
	var errs []error
	for _, u := range notBuilt() {
		for _, s := range settings {
			if s.key == u.key && !reflect.DeepEqual(s.target.Interface(), s.fallback) {
				errs = append(errs, fmt.Errorf("%s%s: %s not built into this version; remove the key, or %s",
					s.key, from(s.source), u.part, u.instead))
			}
		}
	}
	return errs
}
