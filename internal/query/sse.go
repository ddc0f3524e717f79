package query

import (
	"bufio"
	"bytes"
	"errors"
)

// message is one of server-sent events. One without a name is a sign of life.
type message struct {
	name string
	data []byte // valid until the next one is read
}

// messages reads them, of any length.
type messages struct {
	in   *bufio.Reader
	data []byte
}

func (m *messages) next() (message, error) {
	var got message
	m.data = m.data[:0]
	for {
		field, err := m.field()
		if err != nil {
			return message{}, err
		}
		if field == "" {
			got.data = m.data
			return got, nil
		}
		if field == "data" || field == "id" {
			continue
		}
		got.name = field
	}
}

// field reads a line. It returns "data" when that was appended to m.data, the name
// of the event, and "" at the end of a message or for a comment.
func (m *messages) field() (string, error) {
	line, err := m.in.ReadSlice('\n')
	name := "" // what is none of these means nothing to us
	if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
		name = "data"
		m.data = append(m.data, data...)
	} else if event, ok := bytes.CutPrefix(line, []byte("event: ")); ok {
		name = string(bytes.TrimRight(event, "\r\n"))
	} else if bytes.HasPrefix(line, []byte("id:")) {
		name = "id"
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		if line, err = m.in.ReadSlice('\n'); name == "data" {
			m.data = append(m.data, line...)
		}
	}
	return name, err
}
