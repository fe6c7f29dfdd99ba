package bustest

import "time"

// MAX6675 is Maxim's thermocouple converter of type K. Its Transfer is for
// [NewSPI].
type MAX6675 struct {
	Next    uint16        // what the next conversion will have found, as it is sent
	Convert time.Duration // a conversion

	data     uint16    // of the last conversion
	selected time.Time // when it was selected last, which stops a conversion
}

// NewMAX6675 returns a chip that was just powered on, with a thermocouple at
// 25 °C.
func NewMAX6675() *MAX6675 {
	return &MAX6675{Next: 0x0320, Convert: 220 * time.Millisecond, selected: time.Now()}
}

// Transfer selects the chip. It ignores w, and begins to convert anew when it
// is not selected any more.
func (c *MAX6675) Transfer(_, r []byte) error {
	now := time.Now()
	if now.Sub(c.selected) >= c.Convert {
		c.data = c.Next
	}
	c.selected = now
	copy(r, []byte{byte(c.data >> 8), byte(c.data)})
	return nil
}
