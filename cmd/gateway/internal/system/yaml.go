package system

import (
	"regexp"
	"strings"

	"gateway/cmd/gateway/internal/redact"
)

// yamlKey is a line of YAML with a key: what stands before the key, a comment
// sign among it, the key, and what follows the colon.
var yamlKey = regexp.MustCompile(`^(\s*(?:#\s*)?(?:-\s+)*)["']?([A-Za-z0-9_.-]+)["']?\s*:(?:\s+(.*)|)$`)

// redactYAML takes the secrets out of a configuration and leaves everything else,
// comments too, as it is. What belongs to a key that names a secret is one line
// then, however many it was.
func redactYAML(text string, secrets *redact.Redactor) string {
	var out strings.Builder
	within := -1 // the column of a key whose value is being left out
	for line := range strings.Lines(text) {
		body := strings.TrimRight(line, "\r\n")
		end := line[len(body):]
		if within >= 0 {
			if strings.TrimSpace(body) == "" || indentOf(body) > within {
				continue
			}
			within = -1
		}
		m := yamlKey.FindStringSubmatch(body)
		if m != nil && redact.IsSecret(m[2]) {
			within = len(m[1])
			out.WriteString(m[1] + m[2] + ": " + redact.Mark + end)
			continue
		}
		out.WriteString(secrets.Text(body) + end)
	}
	return out.String()
}

// indentOf is the column in which a line begins.
func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }
