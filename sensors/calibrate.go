package sensors

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// point is a pair of a measured value and the true one.
type point struct{ measured, truth float64 }

// parsePoints reads points as ESPHome writes them, "0.0 -> 0.4", ordered by
// what was measured.
func parsePoints(texts []string) ([]point, error) {
	var points []point
	for _, text := range texts {
		measured, truth, ok := strings.Cut(text, "->")
		m, err1 := strconv.ParseFloat(strings.TrimSpace(measured), 64)
		t, err2 := strconv.ParseFloat(strings.TrimSpace(truth), 64)
		if !ok || err1 != nil || err2 != nil || math.IsNaN(m+t) || math.IsInf(m+t, 0) {
			return nil, fmt.Errorf(`%q is not a point "measured -> true" such as "0.3 -> 0.0"`, text)
		}
		points = append(points, point{m, t})
	}
	slices.SortFunc(points, func(a, b point) int {
		if a.measured < b.measured {
			return -1
		}
		return 1
	})
	for i := 1; i < len(points); i++ {
		if points[i].measured == points[i-1].measured {
			return nil, fmt.Errorf("two points have the measured value %v", points[i].measured)
		}
	}
	return points, nil
}

// linear goes through points in straight lines.
type linear []point

func newLinear(texts []string) (filter, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	points, err := parsePoints(texts)
	if err != nil {
		return nil, err
	}
	if len(points) == 1 {
		return nil, errors.New("one point makes no line; use offset, or two points")
	}
	return linear(points), nil
}

func (l linear) apply(x float64) float64 {
	i := 1
	for i < len(l)-1 && x > l[i].measured {
		i++
	}
	a, b := l[i-1], l[i]
	return a.truth + (x-a.measured)*(b.truth-a.truth)/(b.measured-a.measured)
}

// polynomial is p[0] + p[1]·x + p[2]·x² …
type polynomial []float64

// maxDegree is the highest that a handful of points can tell.
const maxDegree = 6

func newPolynomial(cfg *PolynomialConfig) (filter, error) {
	if cfg == nil {
		return nil, nil
	}
	points, err := parsePoints(cfg.Datapoints)
	switch {
	case err != nil:
		return nil, err
	case cfg.Degree < 1 || cfg.Degree > maxDegree:
		return nil, fmt.Errorf("degree %d is not from 1 to %d", cfg.Degree, maxDegree)
	case len(points) <= cfg.Degree:
		return nil, fmt.Errorf("degree %d needs %d points at least, there are %d", cfg.Degree, cfg.Degree+1, len(points))
	}
	return fit(points, cfg.Degree), nil
}

// apply is Horner's rule.
func (p polynomial) apply(x float64) float64 {
	y := 0.0
	for _, c := range slices.Backward(p) {
		y = y*x + c
	}
	return y
}

// fit returns the polynomial whose squared distances from the points are
// least. It orthogonalises the columns 1, x, x²… of the points one by one
// (modified Gram-Schmidt), which loses far fewer digits than the normal
// equations do.
func fit(points []point, degree int) polynomial {
	n := degree + 1
	q := make([][]float64, n) // orthogonal columns
	r := make([][]float64, n) // r[k][j]: how much of q[k] is in column j
	for j := range n {
		r[j] = make([]float64, n)
		q[j] = make([]float64, len(points))
		for i, p := range points {
			q[j][i] = math.Pow(p.measured, float64(j))
		}
	}
	for k := range n {
		r[k][k] = math.Sqrt(dot(q[k], q[k]))
		scale(q[k], 1/r[k][k])
		for j := k + 1; j < n; j++ {
			r[k][j] = dot(q[k], q[j])
			for i := range q[j] {
				q[j][i] -= r[k][j] * q[k][i]
			}
		}
	}
	rest := make([]float64, len(points))
	for i, p := range points {
		rest[i] = p.truth
	}
	coefficients := make(polynomial, n)
	for k := range n { // what of the truth is in each column
		coefficients[k] = dot(q[k], rest)
		for i := range rest {
			rest[i] -= coefficients[k] * q[k][i]
		}
	}
	for k := n - 1; k >= 0; k-- { // back substitution
		for j := k + 1; j < n; j++ {
			coefficients[k] -= r[k][j] * coefficients[j]
		}
		coefficients[k] /= r[k][k]
	}
	return coefficients
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func scale(a []float64, by float64) {
	for i := range a {
		a[i] *= by
	}
}
