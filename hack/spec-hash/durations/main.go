// Prints what Go's time package makes of duration texts, one JSON row a line:
// the vectors of crates/ray-api/src/go_duration.
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

type row struct {
	Text        string `json:"text"`
	Nanoseconds *int64 `json:"nanoseconds,omitempty"` // left out: refused
	String      string `json:"string,omitempty"`
}

var texts = []string{
	"0", "0s", "-0", "+0", "", "1", "-1", "5s", "30m", "1h", "1.5h", ".5s", "5.s", "1h30m", "1h30m5.5s", "-1h30m", "+5m", "100ms",
	"1us", "1µs", "1μs", "1ns", "0.5ns", "1.9ns", "1.5us", "1m0.000000001s", "3000000h", "2562047h47m16.854775807s",
	"2562047h47m16.854775808s", "-2562047h47m16.854775808s", "-2562047h47m16.854775809s", "9223372036854775807ns",
	"9223372036854775808ns", "-9223372036854775808ns", "9223372036854775809ns", "0.9223372036854775807h",
	"0.3333333333333333333h", "0.100000000000000000000h", "0.830103483285477580700h", "1d", "1w", "1y", "s", ".", "-", "+", ".s",
	"-.", "+.s", "1s ", " 1s", "1 s", "1S", "1H", "5m3", "1.2.3s", "1s-1s", "--1s", "1e3s", "3000000000h", "1h1h", "1s1h", "1m1m1m",
	"00001s", "0.0000000000000000000000000001s", "1.0000000000000000000000000001s", "99999999999999999999s", "12h", "24h", "90m",
	"1000ms", "1001us", "999us", "60s", "61s", "3600s", "3661s", "59m59.999999999s", "10m", "0h0m0s", "1ms1us1ns", "1é", "1m\u00b5s",
}

func main() {
	fmt.Print("[\n")
	all := texts
	for _, n := range []int64{1, 999, 1000, 1001, 1e6, 1e9, 6e10, 36e11, 1234567890123, math.MaxInt64, math.MinInt64, -1500000, 1100000000} {
		all = append(all, time.Duration(n).String())
	}
	for i, text := range all {
		r := row{Text: text}
		if d, err := time.ParseDuration(text); err == nil {
			n := int64(d)
			r.Nanoseconds, r.String = &n, d.String()
		}
		line, err := json.Marshal(r)
		if err != nil {
			panic(err)
		}
		if i > 0 {
			fmt.Print(",\n")
		}
		fmt.Printf("%s", line)
	}
	fmt.Print("\n]\n")
}
