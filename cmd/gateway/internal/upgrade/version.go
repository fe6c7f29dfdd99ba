package upgrade

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// semantic is a version of semver.org, with or without the v.
var semantic = regexp.MustCompile(`^v?(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$`)

// Compare orders two semantic versions: negative if a is older than b. Others,
// such as "devel", have no order.
func Compare(a, b string) (int, error) {
	x, y := semantic.FindStringSubmatch(a), semantic.FindStringSubmatch(b)
	for v, m := range map[string][]string{a: x, b: y} {
		if m == nil {
			return 0, fmt.Errorf("%q is not a version such as 1.2.3", v)
		}
	}
	for i := 1; i <= 3; i++ {
		if c := compareNumbers(x[i], y[i]); c != 0 {
			return c, nil
		}
	}
	return comparePreReleases(x[4], y[4]), nil
}

// comparePreReleases orders what stands after the dash: 1.0.0-rc.1 comes before 1.0.0.
func comparePreReleases(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(len(b), len(a)) // one that has none is newer
	}
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		_, xErr := strconv.ParseUint(x[i], 10, 64)
		_, yErr := strconv.ParseUint(y[i], 10, 64)
		c := strings.Compare(x[i], y[i])
		switch {
		case xErr == nil && yErr == nil:
			c = compareNumbers(x[i], y[i])
		case xErr == nil:
			c = -1
		case yErr == nil:
			c = 1
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(x), len(y))
}

// compareNumbers orders digits as numbers, however many there are.
func compareNumbers(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}
