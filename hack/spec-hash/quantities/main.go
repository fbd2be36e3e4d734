// Prints what Kubernetes' own resource.Quantity makes of sums, products and odd texts,
// one JSON row a line: the vectors of crates/ray-api/src/quantity.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"strconv"

	"gopkg.in/inf.v0"
	"k8s.io/apimachinery/pkg/api/resource"
)

type row struct {
	A       string  `json:"a"`
	Op      string  `json:"op"`
	B       string  `json:"b,omitempty"`
	Text    *string `json:"text,omitempty"`  // null: the operand is refused
	Value   *int64  `json:"value,omitempty"` // left out when Go is wrong, see rounded
	Milli   *int64  `json:"milli,omitempty"` // the same
	Float   string  `json:"float,omitempty"`
	Compare *int    `json:"compare,omitempty"`
}

// Texts chosen by hand: every suffix, both exponents, signs, what is kept as it was written and what is not.
var texts = []string{
	"0", "00", "-0", "+0", "0Ki", "0k", "0e3", "0.0", "1", "+1", "-1", "007", "5.", ".5", "0.5", "-.5", ".", "+", "-", "1.000",
	"1.500", "1.5", "1.50", "1.5k", "1.5m", "10", "100", "1000", "1001", "1000m", "1500m", "500m", "0.1", "0.3", "300m", "0.05",
	"1n", "0.1n", "1.5n", "999n", "1000n", "1u", "1.5u", "1m", "1k", "1M", "1G", "1T", "1P", "1E", "1.5E", "100E", "-1.5E",
	"1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei", "7Ei", "8Ei", "16Ei", "-16Ei", "1.5Ki", "1.5Mi", "1.5Gi", "-1.5Gi", "1.5Ei",
	"0.1Ki", "0.5Ki", "0.0001Ki", "0.3Mi", "1023.5Ki", "1024Ki", "512Ki", "1000Mi", "1500Mi", "2048Mi", "1536Mi", "8Gi", "1023",
	"1024", "1025Ki", "123456789012Ki", "1234567890123456Ki", "100000000000000000000Ki", "1e3", "1E3", "1e+3", "1e-3", "12e6",
	"12E6", "1e0", "5e0", "1e1", "1e2", "1e-1", "1.5e-1", "1234.5e3", "1e-9", "1e-10", "-1e-12", "1e18", "1e19", "1e21", "1e27",
	"10e19", "1e-400", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "99999999999999999999",
	"123456789.123456789123456789", "1.0000000001", "0.000000001", "0.0000000001", "1000000k", "10000000E", "1000E",
	"1000000000000000000000", "123456789012345678", "1234567890123456789", "12345678901234567.8", "1000000000000000000",
	"2e3Ki", "1K", "1ki", "1KI", "1e", "1Em", "1e1.5", "1 ", " 1", "", "a", "1a", "1..2", "1.2.3", "--1", "+-1", "k", "Ki", "e5",
	"1i", "1e5k", "1m1", "1_000", "0x10", "1e9999999999999999999", "Inf", "NaN", "½", "1µ",
}

// pair is an operation on two of the texts that shows a rule.
type pair struct{ a, op, b string }

var pairs = []pair{
	{"1Gi", "+", "1G"}, {"1G", "+", "1Gi"}, {"1.5Gi", "+", "0"}, {"0", "+", "1.5Gi"}, {"0", "+", "12e6"}, {"0Ki", "+", "1"},
	{"12e6", "+", "1M"}, {"1M", "+", "12e6"}, {"9223372036854775807", "+", "1"}, {"7Ei", "+", "7Ei"}, {"1Ei", "*", "1024"},
	{"1Gi", "+", "-1Gi"}, {"1Ki", "+", "-1"}, {"1Ki", "+", "0.5"}, {"1Mi", "+", "1n"}, {"500m", "+", "500m"}, {"1n", "+", "1E"},
	{"100Mi", "*", "9"}, {"1", "*", "2147483647"}, {"1", "*", "0"}, {"1Gi", "*", "-1"}, {"0", "*", "5"}, {"1e3", "*", "3"},
	{"007", "+", "0"}, {"5.", "*", "1"}, {"1.500", "+", "0"}, {"0", "+", "0"}, {"0Ki", "+", "0e3"}, {"1", "+", "0Ki"},
	{"1Ki", "-", "1Ki"}, {"0", "-", "1Ki"}, {"1Gi", "-", "1G"}, {"1", "cmp", "1000m"}, {"1Gi", "cmp", "1G"}, {"-1", "cmp", "0"},
	{"1e3", "cmp", "1k"}, {"0Ki", "cmp", "-0"}, {"1n", "cmp", "0.1n"}, {"16Ei", "cmp", "8Ei"}, {"1E", "*", "9223372036854775807"},
}

func main() {
	random := rand.New(rand.NewSource(7))
	count := 0
	if len(os.Args) > 1 {
		fmt.Sscan(os.Args[1], &count)
	}
	fmt.Print("[\n")
	separator := ""
	print := func(r *row) {
		if r == nil {
			return
		}
		line, err := json.Marshal(r)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s%s", separator, line)
		separator = ",\n"
	}
	for _, text := range texts {
		print(parse(text))
	}
	for _, p := range pairs {
		print(operate(p.a, p.op, p.b))
	}
	for i := 0; i < count; i++ {
		a, b := randomText(random), randomText(random)
		switch random.Intn(6) {
		case 0, 1:
			print(parse(a))
		case 2:
			print(operate(a, "+", b))
		case 3:
			print(operate(a, "-", b))
		case 4:
			print(operate(a, "*", fmt.Sprint(random.Int31()>>random.Intn(31)-1)))
		case 5:
			print(operate(a, "cmp", b))
		}
	}
	fmt.Print("\n]\n")
}

func parse(text string) *row {
	r := &row{A: text, Op: "parse"}
	q, err := resource.ParseQuantity(text)
	if err != nil {
		return r
	}
	return r.describe(q)
}

func operate(a, op, b string) *row {
	r := &row{A: a, Op: op, B: b}
	q, err := resource.ParseQuantity(a)
	if err != nil || tooLarge(q) {
		return nil
	}
	other, err := resource.ParseQuantity(b)
	if err != nil || tooLarge(other) {
		return nil
	}
	switch op {
	case "+":
		q.Add(other)
	case "-":
		q.Sub(other)
	case "*":
		q.Mul(other.Value())
	case "cmp":
		compare := q.Cmp(other)
		r.Compare = &compare
		return r
	}
	return r.describe(q)
}

func (r *row) describe(q resource.Quantity) *row {
	if tooLarge(q) {
		return nil
	}
	text := q.String()
	r.Text = &text
	r.Float = strconv.FormatFloat(q.AsApproximateFloat64(), 'g', -1, 64)
	if value := q.Value(); rounded(q, 0, value) {
		r.Value = &value
	}
	if milli := q.MilliValue(); rounded(q, 3, milli) {
		r.Milli = &milli
	}
	return r
}

// tooLarge tells whether q is outside of what ray-api calculates with, 127 bits of nano-units.
func tooLarge(q resource.Quantity) bool {
	nanos := new(inf.Dec).Mul(q.AsDec(), inf.NewDec(1, -9))
	return new(inf.Dec).Round(nanos, 0, inf.RoundUp).UnscaledBig().BitLen() > 127
}

// rounded tells whether answer is q times 10^places, rounded away from zero. Go's answer is something else for what
// does not fit 64 bits and for some negative numbers.
func rounded(q resource.Quantity, places int, answer int64) bool {
	scaled := new(inf.Dec).Mul(q.AsDec(), inf.NewDec(1, inf.Scale(-places)))
	return new(inf.Dec).Round(scaled, 0, inf.RoundUp).Cmp(inf.NewDec(answer, 0)) == 0
}

func randomText(random *rand.Rand) string {
	suffixes := []string{"", "", "n", "u", "m", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "e3", "e-3", "E6", "e1"}
	sign := []string{"", "", "", "-", "+"}[random.Intn(5)]
	number := fmt.Sprint(random.Int63() >> random.Intn(63))
	if random.Intn(2) == 0 {
		number = fmt.Sprint(random.Intn(5000))
	}
	if random.Intn(2) == 0 {
		fraction := fmt.Sprint(random.Intn(1000))
		number += "." + fraction
		if random.Intn(4) == 0 {
			number += "000"
		}
	}
	return sign + number + suffixes[random.Intn(len(suffixes))]
}
