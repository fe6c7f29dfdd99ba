package sensors

import (
	"io"
	"strings"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"gateway/sensors/bus"
	"gateway/sensors/bus/modbus"
)

// place is where a line is: devices of one place share it.
type place struct {
	kind bus.Kind
	name string // "i2c-1", "spi0", "/dev/ttyUSB0"; for what shares with nobody the topic of its sensor
}

// placeOf returns where a sensor is, defaults filled in.
func placeOf(d *device) place {
	switch d.driver.Bus {
	case bus.I2C, bus.OneWire:
		return place{d.driver.Bus, d.cfg.Bus}
	case bus.SPI:
		name, _, _ := strings.Cut(d.cfg.Bus, ".") // chips of one bus differ in their select line only
		return place{d.driver.Bus, name}
	case bus.Modbus, bus.Serial:
		return place{d.driver.Bus, d.cfg.Port}
	}
	return place{d.driver.Bus, d.path.String()} // attached to nothing, so in nobody's way
}

// shared is what the devices of a line have open together; nil while closed.
type shared struct {
	i2c    i2c.BusCloser
	modbus ModbusCloser
}

// ModbusCloser is a Modbus port that is open for all its slaves.
type ModbusCloser interface {
	bus.ModbusClient
	io.Closer
}

// openModbus returns a client of the port, which it opens with OpenSerial.
func (d Deps) openModbus(name string, mode bus.SerialMode) (ModbusCloser, error) {
	c, err := modbus.New(name, modbus.Options{Mode: mode, OpenSerial: d.OpenSerial})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (s *shared) close() {
	if s.i2c != nil {
		s.i2c.Close()
		s.i2c = nil
	}
	if s.modbus != nil {
		s.modbus.Close()
		s.modbus = nil
	}
}

// slot is what the driver of d is told.
func (l *line) slot(d *device) (*bus.Slot, error) {
	deps := &l.owner.deps
	s := &bus.Slot{Name: l.place.name, Options: d.options, Root: deps.Root, ID: d.cfg.ID, State: d.state}
	switch d.driver.Bus {
	case bus.I2C:
		if l.shared.i2c == nil {
			b, err := deps.OpenI2C(l.place.name)
			if err != nil {
				return nil, err
			}
			l.shared.i2c = b
		}
		s.I2C, s.Addr = l.shared.i2c, d.cfg.Address
	case bus.SPI:
		s.Name = d.cfg.Bus
		s.OpenSPI = func(hz physic.Frequency, mode spi.Mode) (bus.SPIConn, error) {
			return deps.OpenSPI(d.cfg.Bus, hz, mode)
		}
	case bus.GPIO:
		s.Lines, s.Pins = deps.Lines, d.cfg.Pins
	case bus.Serial:
		s.OpenSerial = func(bus.SerialMode) (bus.SerialPort, error) {
			return deps.OpenSerial(d.cfg.Port, d.cfg.Serial.mode())
		}
	case bus.Modbus:
		if l.shared.modbus == nil {
			m, err := deps.OpenModbus(d.cfg.Port, d.cfg.Serial.mode())
			if err != nil {
				return nil, err
			}
			l.shared.modbus = m
		}
		s.Modbus, s.Unit = l.shared.modbus, d.cfg.UnitID
	case bus.Topic:
		s.Subscribe = deps.Subscribe
	}
	return s, nil
}
