package store

// How the format changes. A head says of which version its segment is. What is
// written is always of formatVersion. A reader of an older version turns each of
// its records into one of the next version, and so on up to ours; compaction, which
// reads and writes again, leaves nothing of it in time, so that a gateway that was
// brought up to date needs no step of its own. A segment of a version that is not
// known is a [NewerError], and nothing is touched.

// upgrade turns a record of one version into one of the next. body is not changed.
type upgrade func(k kind, body []byte) (kind, []byte, error)

// upgrades are by the version that they are from. There is none yet: 1 is the
// first version.
var upgrades = map[uint16]upgrade{}

// readable tells whether segments of a version can be read.
func readable(version uint16) bool {
	for ; version < formatVersion; version++ {
		if upgrades[version] == nil {
			return false
		}
	}
	return version == formatVersion
}

// record returns a record of the segment as one of our version.
func (s *segment) record(k kind, body []byte) (kind, []byte, error) {
	return upgraded(s.version, k, body)
}

func upgraded(version uint16, k kind, body []byte) (kind, []byte, error) {
	for ; version < formatVersion; version++ {
		var err error
		if k, body, err = upgrades[version](k, body); err != nil {
			return 0, nil, err
		}
	}
	return k, body, nil
}
