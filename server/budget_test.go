package server

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestBudgetServesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(10)
		in := func(d time.Duration) time.Time { return time.Now().Add(d) }
		if !b.acquire(8, in(0)) {
			t.Fatal("8 of 10 refused")
		}
		results := make(chan int64, 4)
		var got []int64
		settle := func() {
			synctest.Wait()
			for len(results) > 0 {
				got = append(got, <-results)
			}
		}
		want := func(n int64, wait time.Duration) {
			go func() {
				if b.acquire(n, in(wait)) {
					results <- n
				} else {
					results <- -n
				}
			}()
			settle()
		}
		want(5, time.Hour)
		want(1, time.Hour) // there is room for it, but it came later
		want(9, time.Second)
		want(2, time.Hour)
		if len(got) != 0 {
			t.Fatalf("served early: %v", got)
		}
		b.release(4)
		settle()
		if len(got) != 2 || got[0]+got[1] != 6 {
			t.Fatalf("after 4 came free: %v", got)
		}
		time.Sleep(2 * time.Second) // 9 gives up; the 2 behind it does not fit yet
		settle()
		if len(got) != 3 || got[2] != -9 {
			t.Fatalf("after a second: %v", got)
		}
		b.release(4)
		settle()
		if len(got) != 4 || got[3] != 2 {
			t.Fatalf("after 4 more: %v", got)
		}
		b.release(5 + 1 + 2)
		if b.free != 10 {
			t.Errorf("%d free at the end", b.free)
		}
	})
}

func TestGivingUpLetsTheNextOneIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(10)
		b.acquire(5, time.Now())
		done := make(chan time.Duration, 1)
		began := time.Now()
		go b.acquire(6, began.Add(time.Second))
		synctest.Wait()
		go func() {
			b.acquire(5, began.Add(time.Hour))
			done <- time.Since(began)
		}()
		if took := <-done; took != time.Second {
			t.Errorf("let in after %v", took)
		}
	})
}

func FuzzSource(f *testing.F) {
	for _, path := range []string{"/webhook", "/webhook/", "/webhook/a%2Fb/", "/webhook/%", "/webhook/%4", "/webhook/%4g", "/webhook//"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got, ok := appendSource([]byte("id"), []byte(path))
		if !ok {
			return
		}
		name := strings.TrimPrefix(strings.TrimPrefix(path, "/webhook"), "/")
		if len(name) > 1 {
			name = strings.TrimSuffix(name, "/")
		}
		if want, err := url.PathUnescape(name); err != nil || string(got) != "id"+want {
			t.Errorf("%q: source %q, want %q, %v", path, got, want, err)
		}
	})
}
