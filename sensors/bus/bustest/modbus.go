package bustest

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"
	"syscall"
	"time"

	"gateway/sensors/bus"
)

// ModbusSlave is what a Modbus slave holds. Registers and bits that are not in
// its maps do not exist.
type ModbusSlave struct {
	Holding, Input  map[uint16]uint16
	Coils, Discrete map[uint16]bool
	Most            int           // registers it gives at once; 125 if 0
	Delay           time.Duration // until it answers
}

// answer answers r, without its framing. Application protocol V1.1b3, sections
// 6.1 to 6.4.
func (s *ModbusSlave) answer(r ModbusRequest) []byte {
	switch r.Table {
	case bus.HoldingRegisters:
		return s.registers(r, s.Holding)
	case bus.InputRegisters:
		return s.registers(r, s.Input)
	case bus.Coils:
		return bits(r, s.Coils)
	case bus.DiscreteInputs:
		return bits(r, s.Discrete)
	}
	return exception(r, 1)
}

func (s *ModbusSlave) registers(r ModbusRequest, from map[uint16]uint16) []byte {
	most := s.Most
	if most == 0 {
		most = 125
	}
	if code := refuse(r, len(from), most); code != 0 {
		return exception(r, code)
	}
	p := []byte{byte(r.Table), byte(2 * r.Count)}
	for i := range r.Count {
		v, ok := from[r.Address+i]
		if !ok {
			return exception(r, 2)
		}
		p = binary.BigEndian.AppendUint16(p, v)
	}
	return p
}

func bits(r ModbusRequest, from map[uint16]bool) []byte {
	if code := refuse(r, len(from), 2000); code != 0 {
		return exception(r, code)
	}
	n := (int(r.Count) + 7) / 8
	p := append([]byte{byte(r.Table), byte(n)}, make([]byte, n)...)
	for i := range r.Count {
		v, ok := from[r.Address+i]
		if !ok {
			return exception(r, 2)
		}
		if v {
			p[2+i/8] |= 1 << (i % 8)
		}
	}
	return p
}

// refuse returns the exception that r is worth in a table with so many
// entries, of which most are given at once; 0 for none.
func refuse(r ModbusRequest, entries, most int) byte {
	switch {
	case entries == 0:
		return 1
	case r.Count < 1 || int(r.Count) > most:
		return 3
	case int(r.Address)+int(r.Count) > 1<<16:
		return 2
	}
	return 0
}

func exception(r ModbusRequest, code byte) []byte { return []byte{byte(r.Table) | 0x80, code} }

// ModbusRequest is a request as it came.
type ModbusRequest struct {
	N           int       // 0 for the first since NewModbus or Reset
	Time        time.Time // when all of it was there
	Transaction uint16    // of TCP
	Unit        byte
	Table       bus.ModbusTable
	Address     uint16
	Count       uint16
}

// String returns r as "0: slave 3, table 4, 0x0010 +4".
func (r ModbusRequest) String() string {
	return fmt.Sprintf("%d: slave %d, table %d, 0x%04X +%d", r.N, r.Unit, r.Table, r.Address, r.Count)
}

// ModbusLine is a line with slaves by their address, and is reached in every
// way a client knows: as a serial port in memory with OpenSerial, over a
// connection in memory with DialTCP and DialRTU, and over whatever else, a
// pseudo-terminal or a listener, with ServeRTU, ServeTCP and ServeListener. It
// may be used concurrently.
type ModbusLine struct {
	mu     sync.Mutex
	slaves map[byte]*ModbusSlave
	faults []ModbusFault
	log    []ModbusRequest
	modes  []bus.SerialMode // of OpenSerial
	dials  int
	broken bool // unplugged
	open   map[io.Closer]bool
}

// NewModbus returns a line with slaves. The map stays the caller's.
func NewModbus(slaves map[byte]*ModbusSlave) *ModbusLine {
	l := &ModbusLine{slaves: make(map[byte]*ModbusSlave), open: make(map[io.Closer]bool)}
	for unit, s := range slaves {
		l.slaves[unit] = s
	}
	return l
}

// Change calls f to change the slaves, or what they hold, while nothing asks
// them.
func (l *ModbusLine) Change(f func(slaves map[byte]*ModbusSlave)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.slaves)
}

// Inject adds faults to those there are.
func (l *ModbusLine) Inject(faults ...ModbusFault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, faults...)
}

// Heal removes all faults.
func (l *ModbusLine) Heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = nil
}

// Log returns the requests since NewModbus or Reset.
func (l *ModbusLine) Log() []ModbusRequest {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.log)
}

// Reset forgets the requests; the next is number 0 again.
func (l *ModbusLine) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = nil
}

// Opened returns how often the line was opened or dialled.
func (l *ModbusLine) Opened() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.modes) + l.dials
}

// Modes returns those that OpenSerial was called with.
func (l *ModbusLine) Modes() []bus.SerialMode {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.modes)
}

// Unplug breaks what is open, and fails what is opened until Plug.
func (l *ModbusLine) Unplug() {
	l.mu.Lock()
	l.broken = true
	l.mu.Unlock()
	l.Hangup()
}

// Plug undoes Unplug.
func (l *ModbusLine) Plug() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = false
}

// Hangup breaks what is open.
func (l *ModbusLine) Hangup() {
	l.mu.Lock()
	open := l.open
	l.open = make(map[io.Closer]bool)
	l.mu.Unlock()
	for c := range open {
		c.Close()
	}
}

// attach notes that c is open, to be closed by Hangup. It fails while the line
// is unplugged.
func (l *ModbusLine) attach(c io.Closer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return syscall.ENODEV
	}
	l.open[c] = true
	return nil
}

func (l *ModbusLine) detach(c io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

// ask returns what happens to r, framed by frame: the bytes on the wire, nil
// for none, when they come, and whether the line hangs up after them.
func (l *ModbusLine) ask(r ModbusRequest, frame func(ModbusAnswer) []byte) (b []byte, at time.Time, hangup bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.N, r.Time = len(l.log), time.Now()
	l.log = append(l.log, r)
	a := ModbusAnswer{Transaction: r.Transaction, Unit: r.Unit, Silent: true}
	if s := l.slaves[r.Unit]; s != nil {
		a.Silent, a.PDU, a.Delay = false, s.answer(r), s.Delay
	}
	for _, f := range l.faults {
		if f.When == nil || f.When(r) {
			f.Do(&a)
		}
	}
	if a.Silent {
		return nil, r.Time, a.Hangup
	}
	b = frame(a)
	if a.Raw != nil {
		b = a.Raw(b)
	}
	return b, r.Time.Add(a.Delay), a.Hangup
}

// rtu returns a as a frame of RTU.
func rtu(a ModbusAnswer) []byte {
	b := append([]byte{a.Unit}, a.PDU...)
	return binary.LittleEndian.AppendUint16(b, modbusCRC(b))
}

// tcp returns a as a frame of Modbus/TCP.
func tcp(a ModbusAnswer) []byte {
	b := binary.BigEndian.AppendUint16(nil, a.Transaction)
	b = binary.BigEndian.AppendUint32(b, uint32(1+len(a.PDU))) // protocol 0, length
	b = append(b, a.Unit)
	return append(b, a.PDU...)
}

// cutRTURequest returns the request that b begins with and what is behind it;
// ok is false if there is none yet. A slave throws away what is no request.
func cutRTURequest(b []byte) (r ModbusRequest, rest []byte, ok bool) {
	const size = 8
	for ; len(b) >= size; b = b[1:] {
		if binary.LittleEndian.Uint16(b[size-2:]) == modbusCRC(b[:size-2]) {
			return requestOf(b[0], b[1:]), b[size:], true
		}
	}
	return r, b, false
}

// cutTCPRequest is cutRTURequest for Modbus/TCP. Its error is about what is no
// Modbus/TCP.
func cutTCPRequest(b []byte) (r ModbusRequest, rest []byte, ok bool, err error) {
	const size = 12
	if len(b) < size {
		return r, b, false, nil
	}
	if binary.BigEndian.Uint32(b[2:]) != 6 { // protocol 0, length 6
		return r, b, false, fmt.Errorf("% X is no request of Modbus/TCP", b[:size])
	}
	r = requestOf(b[6], b[7:])
	r.Transaction = binary.BigEndian.Uint16(b)
	return r, b[size:], true, nil
}

// requestOf reads a PDU: function, address, count.
func requestOf(unit byte, pdu []byte) ModbusRequest {
	return ModbusRequest{
		Unit: unit, Table: bus.ModbusTable(pdu[0]),
		Address: binary.BigEndian.Uint16(pdu[1:]), Count: binary.BigEndian.Uint16(pdu[3:]),
	}
}

// modbusCRC is the CRC of RTU, calculated as MODBUS over Serial Line V1.02,
// section 6.2.2, describes it.
func modbusCRC(b []byte) uint16 {
	reg := uint16(0xFFFF)
	for _, v := range b {
		reg ^= uint16(v)
		for range 8 {
			lsb := reg & 1
			reg >>= 1
			reg ^= lsb * 0xA001
		}
	}
	return reg
}
