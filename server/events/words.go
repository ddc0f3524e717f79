package events

import "stormdrain/internal/alert"

// AppendString appends a JSON string, for who writes other answers.
func AppendString(dst []byte, s string) []byte { return appendString(dst, s) }

// AppendPairs appends pairs as an object, in their order.
func AppendPairs(dst []byte, pairs []alert.Pair) []byte { return appendPairs(dst, pairs) }

// AppendMember appends a comma and a member whose value is text.
func AppendMember(dst []byte, name, value string) []byte { return appendMember(dst, name, value) }

// AppendMicros appends a moment in microseconds since 1970, without quotes.
func AppendMicros(dst []byte, micros int64) []byte { return appendMicros(dst, micros) }

// AppendTime appends a quoted time, or null where there is none.
func AppendTime(dst []byte, t alert.Time) []byte { return appendTime(dst, t) }

// AppendObject appends a JSON object as it is stored, on one line.
func AppendObject(dst, object []byte) []byte { return appendObject(dst, object) }
