package events

import "stormdrain/internal/alert"

// What other pages say in the same words.

// AppendMember appends a comma and a member whose value is text.
func AppendMember(dst []byte, name, value string) []byte { return appendMember(dst, name, value) }

// AppendMicros appends a moment in microseconds since 1970, without quotes.
func AppendMicros(dst []byte, micros int64) []byte { return appendMicros(dst, micros) }

// AppendTime appends a quoted time, or null where there is none.
func AppendTime(dst []byte, t alert.Time) []byte { return appendTime(dst, t) }

// AppendObject appends a JSON object as it is stored, on one line.
func AppendObject(dst, object []byte) []byte { return appendObject(dst, object) }
