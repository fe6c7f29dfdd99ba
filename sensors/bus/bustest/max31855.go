package bustest

import (
	"encoding/binary"
	"time"
)

// MAX31855 is Maxim's thermocouple converter. Its Transfer is for [NewSPI].
type MAX31855 struct {
	Next    uint32        // what the next conversion will have found, as it is sent
	Startup time.Duration // after the power comes
	Convert time.Duration // a conversion

	data     uint32    // of the last conversion
	selected time.Time // when it was selected last, which stops a conversion
	on       time.Time // when the power came
}

// NewMAX31855 returns a chip that was just powered on, with a thermocouple at
// 100.75 °C and at 25.0625 °C itself.
func NewMAX31855() *MAX31855 {
	now := time.Now()
	return &MAX31855{
		Next: 0x064C1910, Startup: 200 * time.Millisecond, Convert: 100 * time.Millisecond,
		selected: now, on: now,
	}
}

// Transfer selects the chip. It ignores w, and begins to convert anew when it
// is not selected any more.
func (c *MAX31855) Transfer(_, r []byte) error {
	now := time.Now()
	if now.Sub(c.on) >= c.Startup && now.Sub(c.selected) >= c.Convert {
		c.data = c.Next
	}
	c.selected = now
	copy(r, binary.BigEndian.AppendUint32(nil, c.data))
	return nil
}
