package tsdb_test

import (
	"fmt"
	"time"

	"gateway/cmd/gateway/internal/history/tsdb"
)

func Example() {
	db, err := tsdb.Open(tsdb.Options{}) // in memory; with a Folder on a disk
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	start := time.Date(2026, 11, 28, 14, 0, 0, 0, time.UTC).UnixMilli()
	for i := range int64(600) {
		value := 21.5
		if i == 400 {
			value = 35 // for one second
		}
		if err := db.Append("home/kitchen#temperature", tsdb.Sample{Time: start + i*1000, Value: value}); err != nil {
			fmt.Println(err)
		}
	}
	from, to, width := tsdb.Grid(start, start+10*60_000, 5)
	buckets, tier, err := db.Buckets("home/kitchen#temperature", from, to, width, nil)
	fmt.Println(tier, err)
	for _, b := range buckets {
		fmt.Printf("%s: %d samples, %.2f to %.2f, mean %.3f\n", time.UnixMilli(b.Start).UTC().Format("15:04"), b.Count, b.Min, b.Max, b.Mean())
	}
	// Output:
	// raw <nil>
	// 14:00: 120 samples, 21.50 to 21.50, mean 21.500
	// 14:02: 120 samples, 21.50 to 21.50, mean 21.500
	// 14:04: 120 samples, 21.50 to 21.50, mean 21.500
	// 14:06: 120 samples, 21.50 to 35.00, mean 21.613
	// 14:08: 120 samples, 21.50 to 21.50, mean 21.500
}
