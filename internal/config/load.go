package config

import (
	"slices"
	"strings"

	"stormdrain/internal/nearest"
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
	return errs
}

// misspelt says which variables are none of ours, but almost.
func misspelt(settings []*setting, environ []string) (warnings []string) {
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.env
	}
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(names, name) {
			continue
		}
		if meant := nearest.Misspelt(name, names); meant != "" {
			warnings = append(warnings, "the variable "+name+" is no setting's; did you mean "+meant+"?")
		}
	}
	return warnings
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
