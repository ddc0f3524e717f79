package alert

const (
	fnvOffset64 = 14695981039346656037
	fnvPrime64  = 1099511628211
	separator   = 0xff
)

// Fingerprint is Alertmanager's: FNV-1a 64 over every name, 0xFF, value, 0xFF,
// in the order of the names (prometheus/common, model.LabelSet.Fingerprint).
func Fingerprint(sorted []Pair) uint64 {
	h := uint64(fnvOffset64)
	for i := range sorted {
		h = fnvString(h, sorted[i].Name)
		h = fnvString(h, sorted[i].Value)
	}
	return h
}

func fnvString(h uint64, s string) uint64 {
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * fnvPrime64
	}
	return (h ^ separator) * fnvPrime64
}

// ParseFingerprint reads exactly 16 lower-case hex digits.
func ParseFingerprint(s string) (uint64, bool) {
	if len(s) != 16 {
		return 0, false
	}
	var v uint64
	for i := 0; i < 16; i++ {
		c := s[i]
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			v = v<<4 | uint64(c-'a'+10)
		default:
			return 0, false
		}
	}
	return v, true
}

// AppendFingerprint appends 16 lower-case hex digits.
func AppendFingerprint(dst []byte, v uint64) []byte {
	const digits = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, digits[v>>shift&15])
	}
	return dst
}
