// Writes vectors.json: what robfig/cron makes of schedules. Run `go run . > ../vectors.json`.
//
// Only clocks that change by one hour, and not from midnight on, are asked about: elsewhere the library runs on the wrong
// day, leaves a day out, or searches for ever.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"strings"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

type times struct {
	Schedule string   `json:"schedule"`
	Zone     string   `json:"zone"`
	After    string   `json:"after"`
	Next     []string `json:"next"`
}

type refusal struct {
	Schedule string `json:"schedule"`
	Error    string `json:"error"`
}

var schedules = []string{
	"* * * * *", "*/5 * * * *", "0 * * * *", "30 2 * * *", "0 0 * * *", "15,45 1-3 * * *", "0 0 1 * *", "0 0 31 * *",
	"0 0 29 2 *", "0 0 30 2 *", "0 12 * * mon-fri", "0 12 13 * fri", "0 12 13 * ?", "0 12 ? * FRI", "0 12 */2 * 5",
	"0 12 13 * */2", "0 12 1/10 * *", "5/20 * * * *", "0 0 1 jan *", "0 0 1 JAN,jul *", "59 23 31 12 *", "0 2 * 3 sun",
	"30 1 * 11 0", "0-59/7 0-23/3 * * *", "*/90 * * * *", "0 0 1-7 * 1", "0 0 */1 * 1", "0 0 *,1 * 1", "10 0 * * *",
	"0 1 * * *", "30 23 * * *", "1,,2 * * * *", ", * * * *", "* * *-5 * *", "?/1 * 1 * 1", "@yearly", "@annually", "@monthly",
	"@weekly", "@daily", "@midnight", "@hourly", "@every 1h30m", "@every 1s", "@every 100ms", "@every 1m30.7s", "@every -5s",
	"+5 +1 * * *", "\t0  0 * * * ", "0 0 1 1 0", "45 2 * * *", "0 3 * * *",
}

var bases = map[string][]string{
	"UTC":               {"2024-02-28T23:59:59.5Z", "2025-12-31T23:59:59Z", "1969-12-31T23:59:59.25Z", "2096-03-01T00:00:00Z"},
	"America/New_York":  {"2024-03-10T05:30:00Z", "2024-03-10T06:59:59Z", "2024-11-03T04:30:00Z", "2024-11-03T05:45:00Z", "2024-11-03T06:15:00Z"},
	"Europe/Berlin":     {"2024-03-30T23:30:00Z", "2024-10-26T23:59:00Z", "2024-10-27T00:30:00Z", "2024-10-27T01:00:00Z"},
	"Asia/Kolkata":      {"2024-08-15T18:29:59Z"},
	"Asia/Kathmandu":    {"2024-08-15T18:14:00Z"},
	"Africa/Cairo":      {"2024-10-31T19:30:00Z", "2024-10-31T20:59:00Z"},
	"Asia/Beirut":       {"2024-10-26T20:15:00Z"},
	"America/Sao_Paulo": {"2018-02-18T00:30:00Z"},
}

var refused = []string{
	"", " ", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * 0 *",
	"* * * * 7", "* * * * 1-7", "5-1 * * * *", "*/0 * * * *", "*/-1 * * * *", "-1 * * * *", "1-2-3 * * * *", "x-2-3 * * * *",
	"1/2/3 * * * *", "a * * * *", "* * * foo *", "* jan * * *", "1.5 * * * *", "1- * * * *", "/5 * * * *", "*/ * * * *",
	"99999999999999999999 * * * *", "@never", "@Daily", "@every", "@every ", "@every 1", "@every 1d", "@every x",
	" @daily", "@daily ", "* * * * mon-sun", "* * * * fri-tue", "1-x * * * *", "\"\u00e9\" * * * *", "every 5 minutes",
}

func field(r *rand.Rand, low, high int) string {
	number := func() int { return low + r.Intn(high-low+1) }
	part := func() string {
		a, b := number(), number()
		if a > b {
			a, b = b, a
		}
		switch r.Intn(6) {
		case 0:
			return fmt.Sprintf("%d-%d", a, b)
		case 1:
			return fmt.Sprintf("%d-%d/%d", a, b, 1+r.Intn(9))
		case 2:
			return fmt.Sprintf("*/%d", 1+r.Intn(high))
		default:
			return fmt.Sprint(a)
		}
	}
	if r.Intn(3) == 0 {
		return "*"
	}
	parts := []string{part()}
	for r.Intn(3) == 0 {
		parts = append(parts, part())
	}
	return strings.Join(parts, ",")
}

func next(schedule, zone string, after time.Time) times {
	parsed, err := cron.ParseStandard(schedule)
	if err != nil {
		panic(err)
	}
	if fields, ok := parsed.(*cron.SpecSchedule); ok {
		fields.Location = after.Location()
	}
	found := times{schedule, zone, after.UTC().Format(time.RFC3339Nano), []string{}}
	for at := after; len(found.Next) < 3; {
		at = parsed.Next(at)
		if at.IsZero() {
			break
		}
		found.Next = append(found.Next, at.UTC().Format(time.RFC3339Nano))
	}
	return found
}

func main() {
	r := rand.New(rand.NewSource(1))
	var due []times
	zones := []string{
		"UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Africa/Cairo", "Asia/Beirut",
		"America/Sao_Paulo",
	}
	for _, zone := range zones {
		location, err := time.LoadLocation(zone)
		if err != nil {
			panic(err)
		}
		for _, base := range bases[zone] {
			after, err := time.Parse(time.RFC3339Nano, base)
			if err != nil {
				panic(err)
			}
			for _, schedule := range schedules {
				due = append(due, next(schedule, zone, after.In(location)))
			}
		}
		for range 20 {
			schedule := strings.Join([]string{field(r, 0, 59), field(r, 0, 23), field(r, 1, 31), field(r, 1, 12), field(r, 0, 6)}, " ")
			after := time.Date(2024, 2, 1, 0, 0, r.Intn(300*86400), 0, location)
			due = append(due, next(schedule, zone, after))
		}
	}
	var wrong []refusal
	for _, schedule := range refused {
		_, err := cron.ParseStandard(schedule)
		if err == nil {
			panic("accepted: " + schedule)
		}
		wrong = append(wrong, refusal{schedule, err.Error()})
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	line := func(value any, last bool) {
		text, err := json.Marshal(value)
		if err != nil {
			panic(err)
		}
		separator := ","
		if last {
			separator = ""
		}
		fmt.Fprintf(out, "    %s%s\n", text, separator)
	}
	fmt.Fprintln(out, "{\n  \"due\": [")
	for i, value := range due {
		line(value, i+1 == len(due))
	}
	fmt.Fprintln(out, "  ],\n  \"refused\": [")
	for i, value := range wrong {
		line(value, i+1 == len(wrong))
	}
	fmt.Fprintln(out, "  ]\n}")
}
