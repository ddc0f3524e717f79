package server

import (
	"context"
	"errors"
	"strconv"

	"github.com/valyala/fasthttp"

	"stormdrain/internal/alert"
	"stormdrain/server/events"
	"stormdrain/server/history"
)

// listing is an answer that is a list, of events or of episodes or of recorded ones, and remembers how
// far it got. It belongs to one request.
type listing interface {
	// read asks for up to limit elements after the last one that was appended, 0
	// for all, and calls yield for each until that returns an error, which it
	// returns as it is.
	read(ctx context.Context, limit int, yield func() error) error

	// appendTo appends the element that yield is being called for, as JSON without
	// the line's end, or as a line of CSV.
	appendTo(dst []byte, format events.Format) []byte

	cursor() string // the place of the element that was appended last
	words() listingWords
}

// listingWords are what a listing is called.
type listingWords struct {
	key       string // of the list in a page
	csvHeader string
}

// eventListing is what a query for events finds.
type eventListing struct {
	reader  Reader
	query   *alert.Query
	current *alert.Stored
	last    alert.Cursor
	begun   bool // last is set
}

func (l *eventListing) read(ctx context.Context, limit int, yield func() error) error {
	q := *l.query
	q.Limit = limit
	if l.begun {
		after := l.last // its own: the store looks at it as long as it reads
		q.After = &after
	}
	return l.reader.Events(ctx, &q, func(e *alert.Stored) error {
		l.current = e
		return yield()
	})
}

func (l *eventListing) appendTo(dst []byte, format events.Format) []byte {
	l.last, l.begun = l.current.Cursor(), true
	if format == events.CSV {
		return events.AppendCSV(dst, l.current)
	}
	return events.AppendJSON(dst, l.current)
}

func (l *eventListing) cursor() string { return events.FormatCursor(l.last) }

func (l *eventListing) words() listingWords {
	return listingWords{key: "events", csvHeader: events.CSVHeader}
}

// episodeListing is what a query for episodes finds.
type episodeListing struct {
	reader  EpisodeReader
	query   *alert.EpisodeQuery
	current *alert.Episode
	last    alert.EpisodeCursor
	begun   bool // last is set
}

func (l *episodeListing) read(ctx context.Context, limit int, yield func() error) error {
	q := *l.query
	q.Limit = limit
	if l.begun {
		after := l.last
		q.After = &after
	}
	return l.reader.Episodes(ctx, &q, func(e *alert.Episode) error {
		l.current = e
		return yield()
	})
}

func (l *episodeListing) appendTo(dst []byte, format events.Format) []byte {
	l.last, l.begun = l.current.Cursor(), true
	if format == events.CSV {
		return history.AppendCSV(dst, l.current)
	}
	return history.AppendJSON(dst, l.current)
}

func (l *episodeListing) cursor() string { return history.FormatCursor(l.last) }

func (l *episodeListing) words() listingWords {
	return listingWords{key: "episodes", csvHeader: history.CSVHeader}
}

// list answers with a listing: a page, or all of it.
func (s *Server) list(ctx *fasthttp.RequestCtx, l listing, format events.Format, limit int) {
	if format == events.JSON {
		s.readPage(ctx, l, limit)
		return
	}
	s.startExport(ctx, l, format, limit)
}

// largestPage is after how many bytes a page ends before its limit is reached,
// so that 10 000 events of a megabyte each do not meet in memory. The cursor
// goes on from there as from any other page.
const largestPage = 32 << 20

var errPageFull = errors.New("page full")

// readPage answers with one page as a JSON object. One element more than the page
// holds is asked for: it tells whether there is a next page at all.
func (s *Server) readPage(ctx *fasthttp.RequestCtx, l listing, limit int) {
	more, n := false, 0
	page := append([]byte(`{"`), l.words().key...)
	page = append(page, `":[`...)
	err := s.ask(ctx.Conn().(*conn), func(reading context.Context) error {
		return l.read(reading, limit+1, func() error {
			if n == limit || len(page) >= largestPage {
				more = true
				return errPageFull
			}
			if n > 0 {
				page = append(page, ',')
			}
			page = l.appendTo(page, events.JSON)
			n++
			return nil
		})
	})
	if err != nil && !errors.Is(err, errPageFull) {
		s.notRead(ctx, err)
		return
	}
	page = append(page, `],"next":`...)
	if more {
		page = strconv.AppendQuote(page, l.cursor())
	} else {
		page = append(page, "null"...)
	}
	answerJSON(ctx, append(page, '}'))
}

// answerJSON answers with an object, which it takes, and ends the line.
func answerJSON(ctx *fasthttp.RequestCtx, object []byte) {
	ctx.Response.Header.SetContentType(typeJSON)
	ctx.Response.SetBodyRaw(append(object, '\n'))
}
